"""Thousands of files that went wrong are read or fail with a reason; nothing crashes, hangs, leaks or tells tales."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from headrace.model.errors import DocumentError, UnsupportedType
from headrace.pipeline.enrich import USUAL
from headrace.pipeline.sandbox import Limits, Parsers, Source
from headrace.pipeline.sniff import ZIP, sniff
from headrace.pipeline.study import Brief
from tests.faults.chaos import IS_SOAK, SEED, pick, tell
from tests.faults.mutations import harmful, harmful_by_size, mutants, originals
from tests.running import RunningServer, running_server

# Two members of one name are what some of the mutants are about.
pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")

MB = 1_000_000
COUNT, SERVED_COUNT, SECONDS = pick(216, 5_400), pick(36, 720), pick(3, 10)
LIMITS = Limits(seconds=SECONDS, memory_bytes=300 * MB, max_pages=100, max_unpacked_bytes=60 * MB, max_pixels=5 * MB)
BRIEF = Brief(filename="a.txt", max_tokens=256, describes=sorted(USUAL))
"""As a worker has its documents read: they are cut and described, too."""
REASONS = {
    *("corrupt", "encrypted", "empty", "too_large", "timeout", "out_of_memory", "parser_crashed"),
    "unsupported_type",
}
TELLING = ("Traceback", 'File "', "/tmp", "/home", "/usr", "headrace.", "Error(", "Exception", "0x", "SELECT")


def is_fit_for_people(sentence: str) -> bool:
    """Whether it is a sentence without traces of the machine."""
    return bool(sentence) and not any(word in sentence for word in TELLING) and sentence.isprintable()


def outcome_of(parsers: Parsers, path: Path) -> tuple[str, str]:
    """What became of a file: "read", or the code of the reason; and the reason."""
    try:
        source = Source(path=path, size=path.stat().st_size, content_type=sniff(path, path.name), filename=path.name)
    except UnsupportedType as error:
        return "unsupported_type", error.detail
    try:
        with parsers.open(source, brief=BRIEF) as reading:
            for section in reading:
                assert section.text.isprintable() or section.text.encode()
        if source.content_type == ZIP:
            with parsers.unpack(source) as reading:
                for _ in reading.members():
                    pass
    except DocumentError as error:
        return error.code, error.detail
    return "read", ""


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    with Parsers(LIMITS) as parsers:
        yield parsers


@pytest.fixture
def nothing_leaks(parsers: Parsers, tmp_path: Path) -> Iterator[None]:
    """Afterwards there are as many processes, descriptors and temporary files as before."""
    (tmp_path / "first.md").write_text("# first")
    outcome_of(parsers, tmp_path / "first.md")
    before = held(parsers)
    yield
    assert held(parsers) <= before


def held(parsers: Parsers) -> tuple[int, ...]:
    """Processes and descriptors but those of idle parsers, and what parsers may have left in the temporary folder."""
    me = psutil.Process()
    family = [child for child in me.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    left = [path for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith(("headrace-e", "core"))]
    return len(family) - len(parsers._idle), me.num_fds() - 2 * len(parsers._idle), len(left)


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("nothing_leaks")
def test_files_that_went_wrong_are_read_or_fail_with_a_reason(parsers: Parsers, tmp_path: Path) -> None:
    def one(numbered: tuple[int, tuple[str, bytes]]) -> tuple[str, str, str, float]:
        number, (name, content) = numbered
        folder = tmp_path / str(number % 8)
        folder.mkdir(exist_ok=True)
        path = folder / f"{number}-{name}"
        path.write_bytes(content)
        started = time.monotonic()
        outcome, reason = outcome_of(parsers, path)
        path.unlink()
        return name, outcome, reason, time.monotonic() - started

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, enumerate(mutants(COUNT, SEED))))

    outcomes = Counter(outcome for _, outcome, _, _ in results)
    longest = max(seconds for *_, seconds in results)
    shown = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in outcomes.most_common())
    tell(
        "S, malformed files",
        f"{COUNT}, of {len(originals())} originals: {shown}; longest {longest:.1f} s, 0 left behind",
    )
    assert set(outcomes) <= REASONS | {"read"}
    assert outcomes["read"] > COUNT / 10  # else they are not of their formats any more
    assert [reason for _, outcome, reason, _ in results if outcome != "read" and not is_fit_for_people(reason)] == []


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("nothing_leaks")
def test_files_made_to_do_harm_end_at_a_limit(parsers: Parsers, tmp_path: Path) -> None:
    outcomes = {}
    files = dict(harmful())
    for scale in (0.01, 0.1, 0.5, 2, 4) if IS_SOAK else ():
        files |= {f"{scale:g} {name}": content for name, content in harmful_by_size(scale).items()}
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        started = time.monotonic()
        outcomes[name] = (*outcome_of(parsers, path), time.monotonic() - started)

    longest = max(seconds for *_, seconds in outcomes.values())
    counts = Counter(outcome for outcome, *_ in outcomes.values())
    shown = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.most_common())
    tell("S, bombs", f"{len(outcomes)}: {shown}; longest {longest:.1f} s, 0 left behind")
    assert {outcome for outcome, _, _ in outcomes.values()} <= REASONS | {"read"}
    assert [
        reason for outcome, reason, _ in outcomes.values() if outcome != "read" and not is_fit_for_people(reason)
    ] == []
    refused = {"members.zip", "zeros.zip", "overlapping.zip", "wide.png", "widest.png"}
    assert {name for name in refused if outcomes[name][0] not in {"too_large", "corrupt", "empty"}} == set()


@pytest.mark.timeout(3600)
def test_a_server_takes_them_all_and_stays_as_it_was(tmp_path: Path) -> None:
    settings = {"embedder": "none", "parse_seconds": SECONDS, "parse_memory_bytes": 300 * MB, "ocr": False}
    with running_server(tmp_path, max_unpacked_bytes=60 * MB, max_pixels=5 * MB, **settings) as server:
        settle(server, list(originals().items()))
        before, usage = server.pids[:2], footprint(server)
        dear = [(name, content) for name, content in harmful().items() if IS_SOAK or name.endswith((".zip", ".png"))]
        files = [*mutants(SERVED_COUNT, SEED + 1), *dear]
        items = [item for lot in lots(files, 60) for item in settle(server, lot)]
        after = footprint(server)

    ready = sum(item["status"] == "ready" for item in items)
    tell(
        "S, malformed files through a server",
        f"{len(files)} files: {ready} documents ready, {len(items) - ready} failed with a reason; server and worker"
        f" from {usage['memory']} to {after['memory']} MB,"
        f" {usage['descriptors']} to {after['descriptors']} descriptors",
    )
    assert {item["status"] for item in items} <= {"ready", "failed"}
    assert [item for item in items if item["error_message"] and not is_fit_for_people(item["error_message"])] == []
    assert after["pids"][:2] == before == usage["pids"][:2]
    assert after["files"] == usage["files"]
    assert after["descriptors"] <= usage["descriptors"] + 8
    assert after["memory"] <= usage["memory"] + 200


def lots(files: list[tuple[str, bytes]], size: int) -> Iterator[list[tuple[str, bytes]]]:
    """The files in requests of so many."""
    return (files[start : start + size] for start in range(0, len(files), size))


def settle(server: RunningServer, files: list[tuple[str, bytes]]) -> list[dict[str, object]]:
    """Have files ingested in one job; returns what became of each."""
    with server.client(timeout=600) as client:
        named = [("file", (f"{number}-{name}", content)) for number, (name, content) in enumerate(files)]
        sent = client.post("/ingest", files=named, data={"sync": "true"})
        assert sent.status_code == 200, sent.text
        items: list[dict[str, object]] = client.get(f"/jobs/{sent.json()['job_id']}/documents?limit=1000").json()[
            "documents"
        ]
        return items


def footprint(server: RunningServer) -> dict[str, object]:
    """What the server and its worker hold: processes, descriptors, megabytes, unfinished files."""
    pids = server.pids
    family = [psutil.Process(pid) for pid in pids[:2]]
    return {
        "pids": pids[:2],
        "descriptors": sum(process.num_fds() for process in family),
        "memory": sum(process.memory_info().rss for process in family) // MB,
        "files": len(list(server.data_dir.rglob("*.part"))),
    }
