"""kill -9 of worker, server or both at any moment: nothing is lost, nothing is done twice, nothing stays behind."""

import random
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import chaos
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import docx, paragraph, pdf

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

WORDS = (
    "weir",
    "sluice",
    "tide",
    "lock",
    "gate",
    "mill",
    "race",
    "wheel",
    "spill",
    "gauge",
    "flood",
    "canal",
    "barge",
    "pound",
    "lade",
    "penstock",
)
DOCUMENTS = 30
JOBS = 6
MANY_DEATHS = 1000
"""The kills are the test's doing: they are not to be blamed on a document."""

PATIENCE_SECONDS = 180.0
"""A worker that is killed often is started again after longer pauses, up to 5 s; then it has to load its model."""

Corpus = dict[str, bytes]


def prose(rng: random.Random, name: str, size: int) -> str:
    """Text of about so many characters, of which no paragraph comes twice."""
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < size:
        paragraphs.append(f"{name} {len(paragraphs)}: {' '.join(rng.choices(WORDS, k=60))}.")
    return "\n\n".join(paragraphs)


def corpus(rng: random.Random, *, text_bytes: int, pages: int, samples: list[str]) -> Corpus:
    """Thirty documents: some samples, a PDF of many pages, and texts up to a size."""
    made = {name: (chaos.SAMPLES / name).read_bytes() for name in samples}
    made["many-pages.pdf"] = pdf([f"page {page}: {' '.join(rng.choices(WORDS, k=12))}" for page in range(pages)])
    while len(made) < DOCUMENTS:
        name = f"text-{len(made)}.txt"
        made[name] = prose(rng, name, rng.randrange(200, text_bytes)).encode()
    names = list(made)
    rng.shuffle(names)
    return {name: made[name] for name in names}


def submit(client: httpx.Client, documents: Corpus) -> str:
    files = [("file", (name, data)) for name, data in documents.items()]
    answer = client.post("/ingest", files=files)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["job_id"])


class Battle:
    """Jobs are submitted one after the other while processes are killed; `rounds` counts how often all of it went."""

    def __init__(self, server: RunningServer, documents: Corpus, rng: random.Random) -> None:
        self.server, self.documents, self.rng = server, documents, rng
        self.jobs: list[str] = []
        self.kills = {"worker": 0, "server": 0, "both": 0}
        self.slowest_seconds = 0.0
        self.rounds = 0
        self._batches: deque[Corpus] = deque()

    def fight(self, kills: int) -> None:
        """Kill so often while documents come in; then submit the rest and let all come to its end."""
        with self.server.client() as client:
            while sum(self.kills.values()) < kills:
                self._keep_busy(client)
                self._wait_for_a_moment()
                self._kill(self.rng.choices(list(self.kills), weights=[2, 1, 1])[0])
            self.jobs += [submit(client, batch) for batch in self._batches]
            for job in self.jobs:
                chaos.wait_for_end(client, job, 240)

    def _keep_busy(self, client: httpx.Client) -> None:
        unfinished = chaos.query(self.server, "SELECT count(*) FROM job WHERE completed_at IS NULL")[0][0]
        while unfinished < 3 and (self._batches or not unfinished):
            if not self._batches:
                self._begin_round()
            self.jobs.append(submit(client, self._batches.popleft()))
            unfinished += 1

    def _begin_round(self) -> None:
        self.rounds += 1
        names = [(f"{self.rounds}~{name}", data) for name, data in self.documents.items()]
        size = DOCUMENTS // JOBS
        self._batches.extend(dict(names[start : start + size]) for start in range(0, DOCUMENTS, size))

    def _wait_for_a_moment(self) -> None:
        """Mostly until the work goes on, and then a little longer; sometimes not even so long."""
        if self.rng.random() < 0.8:
            before, began = self._newest_event(), time.monotonic()
            chaos.until(
                lambda: self._newest_event() > before or self._is_idle(), PATIENCE_SECONDS, "work goes on after a kill"
            )
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            time.sleep(self.rng.uniform(0.0, 0.8))
        else:
            time.sleep(self.rng.uniform(0.2, 2.5))

    def _newest_event(self) -> int:
        return int(chaos.query(self.server, "SELECT coalesce(max(number), 0) FROM event")[0][0])

    def _is_idle(self) -> bool:
        return chaos.query(self.server, "SELECT count(*) FROM job WHERE completed_at IS NULL")[0][0] == 0

    def _kill(self, whom: str) -> None:
        self.kills[whom] += 1
        if whom == "worker":
            chaos.kill(chaos.worker_of(self.server))
        elif whom == "server":
            chaos.kill_server_alone(self.server)
            self.server.start()
        else:
            self.server.kill()
            self.server.start()

    def check(self, clean: dict[str, list[tuple[int, str]]]) -> str:
        """All that the promises say of what is there now; returns the figure."""
        with self.server.client() as client:
            views = [chaos.job_of(client, job) for job in self.jobs]
            for view in views:
                assert (view["status"], view["failed_items"]) == ("completed", 0), view
                chaos.check_log(chaos.events_of(client, view["job_id"]))
        events = chaos.check_numbers(self.server)
        expected = {f"{turn}~{name}": chunks for turn in range(1, self.rounds + 1) for name, chunks in clean.items()}
        assert chaos.chunks_of(self.server) == expected
        chaos.check_nothing_is_left(self.server)
        chunks = sum(len(found) for found in expected.values())
        assert sum(view["chunks_created"] for view in views) == chunks
        self._check_embeddings(views, chunks)
        return (
            f"{sum(self.kills.values())} kills {self.kills}, {len(self.jobs)} jobs, {len(expected)} documents, "
            f"{chunks} chunks and {events} events: 0 lost, 0 twice; work went on within {self.slowest_seconds:.1f} s"
        )

    def _check_embeddings(self, views: list[dict[str, Any]], chunks: int) -> None:
        computed, reused = (
            sum(view["stats"][name] for view in views) for name in ("embeddings_computed", "embeddings_reused")
        )
        (receipts,) = chaos.query(self.server, "SELECT count(*) FROM receipt")[0]
        assert computed == receipts
        assert computed + reused in (0, chunks)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(chaos.SEED)


def clean_run(folder: Path, documents: Corpus, **settings: object) -> dict[str, list[tuple[int, str]]]:
    """The chunks of all documents, ingested by a server that nobody disturbs."""
    folder.mkdir()
    with running_server(folder, **settings) as server, server.client() as client:
        assert chaos.wait_for_end(client, submit(client, documents), 120)["failed_items"] == 0
        return chaos.chunks_of(server)


def test_whatever_is_killed_every_accepted_job_is_completed_as_in_a_clean_run(
    tmp_path: Path, rng: random.Random
) -> None:
    settings = {"embedder": "none", "max_deaths": MANY_DEATHS, "min_free_disk_bytes": 0}
    documents = corpus(rng, text_bytes=200_000, pages=300, samples=[path.name for path in small_samples()])
    clean = clean_run(tmp_path / "clean", documents, **settings)
    with running_server(tmp_path, **settings) as server:
        battle = Battle(server, documents, rng)
        battle.fight(chaos.pick(15, 150))
        chaos.tell("P1 P2 P5 P7 P8, without embeddings", battle.check(clean))


def test_no_embedding_is_paid_twice_whatever_is_killed(tmp_path: Path, rng: random.Random) -> None:
    settings = {"embedder": "minilm", "max_deaths": MANY_DEATHS, "min_free_disk_bytes": 0}
    documents = corpus(rng, text_bytes=6_000, pages=20, samples=["breads.csv", "locks.html", "glossary.md"])
    clean = clean_run(tmp_path / "clean", documents, **settings)
    texts = [text for chunks in clean.values() for _, text in chunks]
    assert len(texts) == len(set(texts)), "each text is to be paid for once"
    with running_server(tmp_path, **settings) as server:
        battle = Battle(server, documents, rng)
        battle.fight(chaos.pick(5, 50))
        chaos.tell("P2 P7, with MiniLM", battle.check(clean))


def small_samples() -> Iterator[Path]:
    return (path for path in sorted(chaos.SAMPLES.iterdir()) if path.suffix != ".pdf" or "bessemer" in path.name)


def slow_to_open() -> bytes:
    """A small file that is long in being parsed before the first thing of it can be saved."""
    return docx(paragraph("the weir above the mill holds") * 60_000)


def test_a_document_that_kills_its_worker_again_and_again_fails_and_its_neighbours_do_not(tmp_path: Path) -> None:
    most = 3
    calm = {f"calm-{number}.txt": f"calm water {number}".encode() for number in range(6)}
    documents = {**dict(list(calm.items())[:3]), "deadly.docx": slow_to_open(), **dict(list(calm.items())[3:])}
    with running_server(tmp_path, embedder="none", max_deaths=most) as server, server.client() as client:
        job = submit(client, documents)
        kills = kill_whoever_reads(server, job, "deadly.docx")
        ended = chaos.wait_for_end(client, job)
        items = {one["filename"]: one for one in client.get(f"/jobs/{job}/documents").json()["documents"]}
        assert items.pop("deadly.docx")["error_code"] == "worker_died"
        assert {one["stage"] for one in items.values()} == {"completed"}
        assert (ended["status"], ended["failed_items"]) == ("completed", 1)
        assert most <= kills <= most + 1
        chaos.check_log(chaos.events_of(client, job))
        assert set(chaos.chunks_of(server)) == set(calm)
        chaos.check_nothing_is_left(server)
        chaos.tell("P5, a deadly document", f"failed after {kills} deaths, its {len(calm)} neighbours completed")


def kill_whoever_reads(server: RunningServer, job: str, filename: str) -> int:
    """Kill the worker each time it has taken the document up, until it does so no more; returns how often."""
    kills = 0
    taken_up = "SELECT deaths, stage FROM item WHERE job_id = ? AND filename = ?"
    seen = 0

    def look() -> bool:
        nonlocal kills, seen
        [(deaths, stage)] = chaos.query(server, taken_up, job, filename)
        if deaths > seen and stage == "extracting":
            chaos.kill(chaos.worker_of(server))
            kills, seen = kills + 1, deaths
        return stage in {"completed", "failed"}

    with suppress(httpx.TransportError):
        chaos.until(look, 120, f"{filename} is given up")
    return kills
