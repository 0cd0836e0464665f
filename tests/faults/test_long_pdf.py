"""One long PDF, and kill -9 of its worker all along: it goes on where it was, and no vector is paid for twice."""

import hashlib
import json
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.faults import chaos
from tests.faults.test_kills import MANY_DEATHS, PATIENCE_SECONDS, WORDS, clean_run, submit
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import pdf

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

MANUAL_PACKAGE, MANUAL_FILE = "r-doc-pdf", "usr/share/R/doc/manual/fullrefman.pdf"
SHORT_PAGES = 240
DIMENSIONS = 8


class Service(BaseHTTPRequestHandler):
    """A service with OpenAI's interface for embeddings, as there are many; what it answers follows from the text."""

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        rows = [{"index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
        body = json.dumps({"data": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def vector(text: str) -> list[float]:
    return [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def long_pdf(folder: Path, rng: random.Random) -> bytes:
    """In the long form the R reference manual, 2,415 pages; else one of some hundred pages, made here."""
    if not chaos.IS_SOAK:
        return pdf([f"page {page}: {' '.join(rng.choices(WORDS, k=60))}" for page in range(SHORT_PAGES)])
    kept = folder / MANUAL_FILE
    if not kept.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            pytest.skip(f"needs the Debian package {MANUAL_PACKAGE}: apt-get download {MANUAL_PACKAGE}")
        fetched = subprocess.run(["apt-get", "download", MANUAL_PACKAGE], cwd=folder, capture_output=True, check=False)
        if fetched.returncode:
            pytest.skip(f"apt-get download {MANUAL_PACKAGE}: {fetched.stderr.decode(errors='replace')[-200:]}")
        (package,) = folder.glob(f"{MANUAL_PACKAGE}_*.deb")
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    return kept.read_bytes()


def state(server: RunningServer, job: str) -> tuple[int, str, int]:
    """Pages read, stage, and chunks indexed of the one document, as they are stored."""
    [row] = chaos.query(server, "SELECT sections_done, stage, chunks_indexed FROM item WHERE job_id = ?", job)
    return row[0], row[1], row[2]


class Watch:
    """Looks at the document between kills: nothing that was stored is ever lost, and after each kill it goes on."""

    def __init__(self, server: RunningServer, job: str) -> None:
        self.server, self.job = server, job
        self.pages = self.indexed = self.kills = 0
        self.slowest_seconds = 0.0

    def look(self) -> str:
        pages, stage, indexed = state(self.server, self.job)
        assert (pages, indexed) >= (self.pages, self.indexed), "a page or a chunk that was stored is gone"
        self.pages, self.indexed = pages, indexed
        return stage

    def go_on(self) -> bool:
        """Whether the document has moved since the last look, or is finished."""
        before = (self.pages, self.indexed)
        return self.look() == "completed" or (self.pages, self.indexed) > before

    def kill(self) -> None:
        chaos.kill(chaos.worker_of(self.server))
        self.kills += 1
        began = time.monotonic()
        chaos.until(self.go_on, PATIENCE_SECONDS, "the document goes on after a kill")
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)


@contextmanager
def slowed_by_kills(server: RunningServer, job: str, rng: random.Random, kills: int) -> Iterator[Watch]:
    watch = Watch(server, job)
    chaos.until(watch.go_on, PATIENCE_SECONDS, "the first pages are read")
    while watch.kills < kills and watch.look() != "completed":
        time.sleep(rng.uniform(0.0, 1.0))
        watch.kill()
    yield watch


def test_a_long_pdf_goes_on_where_it_was_and_no_embedding_is_paid_twice(
    tmp_path: Path, service: str, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(chaos.SEED)
    folder = pytestconfig.cache.mkdir("packages") if pytestconfig.cache else tmp_path
    document = {"manual.pdf": long_pdf(Path(folder), rng)}
    settings = {
        "embedder": "openai", "embedder_url": service, "embedder_model": "hash", "max_deaths": MANY_DEATHS,
        "min_free_disk_bytes": 0,
    }  # fmt: skip
    clean = clean_run(tmp_path / "clean", document, **settings)
    with running_server(tmp_path, **settings) as server, server.client() as client:
        job = submit(client, document)
        with slowed_by_kills(server, job, rng, chaos.pick(3, 40)) as watch:
            ended = chaos.wait_for_end(client, job, 600)
        check(server, client, ended, clean)
        told = f"{watch.kills} kills in {ended['stats']['pages']} pages: {ended['chunks_created']} chunks as in a clean"
        paid = ended["stats"]["embeddings_computed"]
        chaos.tell("P2 P7, a long PDF", f"{told} run, {paid} embeddings; went on within {watch.slowest_seconds:.1f} s")


def check(
    server: RunningServer, client: httpx.Client, ended: dict[str, object], clean: dict[str, list[tuple[int, str]]]
) -> None:
    stats = ended["stats"]
    assert isinstance(stats, dict)
    chunks = clean["manual.pdf"]
    assert ended["status"] == "completed"
    assert chaos.chunks_of(server) == clean
    assert ended["chunks_created"] == stats["chunks"] == len(chunks)
    assert stats["embeddings_computed"] + stats["embeddings_reused"] == len(chunks)
    [(receipts,)] = chaos.query(server, "SELECT count(*) FROM receipt")
    assert receipts == len({text for _, text in chunks})
    chaos.check_log(chaos.events_of(client, str(ended["job_id"])))
    chaos.check_nothing_is_left(server)
