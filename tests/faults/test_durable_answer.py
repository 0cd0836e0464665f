"""A 202 is a promise: strace shows that bytes, names, folders and the commit are on the disk before it is sent."""

import asyncio
import base64
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.faults import chaos, tracing
from tests.flows.test_broker import publish
from tests.running import RunningServer, running_server
from tests.services import needs

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

DETACH_SECONDS = 20.0
TEXT = "the weir holds"
FILE = {"file": ("weir.txt", TEXT.encode())}
ENCODED = {"content_base64": base64.b64encode(TEXT.encode()).decode(), "filename": "weir.txt"}

Ask = Callable[[httpx.Client, str], httpx.Response]

ACCEPT_PATHS: dict[str, Ask] = {
    "POST /ingest, a text": lambda client, _: client.post("/ingest", data={"text_content": TEXT}),
    "POST /ingest, a file": lambda client, _: client.post("/ingest", files=FILE),
    "POST /ingest/async": lambda client, _: client.post("/ingest/async", files=FILE),
    "POST /ingest/text/async": lambda client, _: client.post("/ingest/text/async", json={"text_content": TEXT}),
    "POST /ingest/batch": lambda client, _: client.post("/ingest/batch", json={"messages": [{"text": TEXT}] * 3}),
    "POST /ingest/batch/async": lambda client, _: client.post(
        "/ingest/batch/async", json={"messages": [{"text": TEXT}]}
    ),
    "POST /upload, JSON": lambda client, _: client.post("/upload", json={"documents": [TEXT, ENCODED]}),
    "POST /upload, files": lambda client, _: client.post("/upload", files=[("file", FILE["file"])] * 2),
    "POST /ingest, a ZIP": lambda client, _: client.post("/ingest", files={"file": ("all.zip", zipped())}),
    "POST /resources/upload": lambda client, _: client.post("/resources/upload", files=FILE),
    "POST /resources/upload, kept": lambda client, _: client.post("/resources/upload?ingest=false", files=FILE),
    "POST /workspaces": lambda client, _: client.post("/workspaces", json={"name": "weirs"}),
    "POST /resource/ingest": lambda client, document: client.post(f"/resource/ingest/{document}"),
}
BRINGS_NO_BYTES = {"POST /resource/ingest", "POST /workspaces"}


def zipped() -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("weir.txt", TEXT)
    return packed.getvalue()


@contextmanager
def traced(server: RunningServer, log: Path) -> Iterator[None]:
    """Watch the calls of a running server, all its threads and not its worker."""
    command = [needs("strace"), "-f", "-y", "-s", "64", "-e", f"trace={tracing.CALLS}", "-o", str(log)]
    said = log.with_suffix(".said")
    with said.open("wb") as errors:
        strace = subprocess.Popen([*command, "-p", str(server.pids[0])], stderr=errors)
    try:
        chaos.until(lambda: "attached" in said.read_text(), 20, "strace has attached itself")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(DETACH_SECONDS)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """What strace saw while every accept path was asked, in their order, and where the data was."""
    folder = tmp_path_factory.mktemp("traced")
    log = folder / "calls"
    with running_server(folder, embedder="none", min_free_disk_bytes=0) as server, server.client() as client:
        job = client.post("/ingest/text", json={"text_content": TEXT}, timeout=60).json()
        with traced(server, log):
            for name, ask in ACCEPT_PATHS.items():
                assert ask(client, job["document_ids"][0]).status_code in (201, 202), name
        yield log.read_text(errors="replace"), server.data_dir


def complaints(log: str, data_dir: Path) -> dict[str, list[str]]:
    """What is wrong with each accept path's answer."""
    found = list(tracing.answers(tracing.read_calls(log)))
    assert len(found) == len(ACCEPT_PATHS)
    database = f"{data_dir / 'headrace.db'}-wal"
    return {
        name: tracing.faults(calls, str(data_dir), database, takes_bytes=name not in BRINGS_NO_BYTES)
        for name, (_, calls) in zip(ACCEPT_PATHS, found, strict=True)
    }


def test_no_202_is_sent_before_everything_it_promises_is_on_the_disk(trace: tuple[str, Path]) -> None:
    found = complaints(*trace)
    assert found == {name: [] for name in ACCEPT_PATHS}
    chaos.tell(
        "P1, durable answers", f"{len(found)} accept paths: write, fsync, rename, fsync, commit, then 202 or 201"
    )


@pytest.mark.parametrize("missing", ["fsync", "fdatasync", "rename"])
def test_the_proof_notices_what_a_server_leaves_out(trace: tuple[str, Path], missing: str) -> None:
    log, data_dir = trace
    doctored = "\n".join(
        line for line in log.splitlines() if f"{missing}(" not in line and f"{missing} res" not in line
    )
    found = complaints(doctored, data_dir)
    assert all(found[name] for name in ACCEPT_PATHS if missing == "fdatasync" or name not in BRINGS_NO_BYTES)


@pytest.fixture(scope="module")
def broker_trace(tmp_path_factory: pytest.TempPathFactory, rabbitmq_url: str) -> tuple[str, Path]:
    """What strace saw while a document came in through the broker, and where the data was."""
    folder = tmp_path_factory.mktemp("arrived")
    log = folder / "calls"
    settings = {"embedder": "none", "min_free_disk_bytes": 0, "rabbitmq_url": rabbitmq_url, "rabbitmq_exchange": "safe"}
    with running_server(folder, **settings) as server:
        with traced(server, log):
            body = json.dumps({"content": TEXT, "filename": "weir.txt"}).encode()
            asyncio.run(publish(rabbitmq_url, "safe", (None, body)))
            chaos.until(lambda: any(broker_answers(log)), 60, "the message is acknowledged")
        return log.read_text(errors="replace"), server.data_dir


def broker_answers(log: Path) -> Iterator[tuple[tracing.Call, list[tracing.Call]]]:
    return tracing.answers(tracing.read_calls(log.read_text(errors="replace")), tracing.ACKNOWLEDGED)


def broker_complaints(log: str, data_dir: Path) -> list[str]:
    """What is wrong with the acknowledgement. The relays note where they stand meanwhile, and promise nothing by it."""
    [(_, calls)] = tracing.answers(tracing.read_calls(log), tracing.ACKNOWLEDGED)
    database = f"{data_dir / 'headrace.db'}-wal"
    found = tracing.faults(calls, str(data_dir), database, takes_bytes=True)
    return [why for why in found if why != f"{database} was not synced"]


def test_no_message_is_acknowledged_before_its_document_is_on_the_disk(broker_trace: tuple[str, Path]) -> None:
    assert broker_complaints(*broker_trace) == []
    chaos.tell(
        "P1, durable acknowledgements", "a document from the broker: write, fsync, rename, fsync, commit, then ack"
    )


@pytest.mark.parametrize("missing", ["fsync", "fdatasync", "rename"])
def test_the_proof_of_the_broker_notices_what_is_left_out(broker_trace: tuple[str, Path], missing: str) -> None:
    log, data_dir = broker_trace
    doctored = [line for line in log.splitlines() if f"{missing}(" not in line and f"{missing} res" not in line]
    assert broker_complaints("\n".join(doctored), data_dir)


GOOD = """\
7 pwrite64(9</data/blobs/ab/1.part>, "bytes", 5, 0) = 5
7 fsync(9</data/blobs/ab/1.part> <unfinished ...>
8 write(4</elsewhere>, "x", 1) = 1
7 <... fsync resumed>)            = 0
7 rename("/data/blobs/ab/1.part", "/data/blobs/ab/1") = 0
7 fsync(9</data/blobs/ab>)        = 0
8 pwrite64(5</data/headrace.db-wal>, "commit"..., 4096, 32) = 4096
8 fdatasync(5</data/headrace.db-wal>) = 0
7 write(6<socket:[1]>, "HTTP/1.1 202 Accepted\\r\\n", 25) = 25
"""


def check(log: str) -> list[str]:
    [(_, calls)] = tracing.answers(tracing.read_calls(log))
    return tracing.faults(calls, "/data", "/data/headrace.db-wal", takes_bytes=True)


def test_the_proof_accepts_a_good_order() -> None:
    assert check(GOOD) == []


@pytest.mark.parametrize("left_out", [(1, 3), (5,), (7,), (6, 7), (4,)])
def test_the_proof_notices_each_step_that_is_left_out(left_out: tuple[int, ...]) -> None:
    lines = [line for number, line in enumerate(GOOD.splitlines()) if number not in left_out]
    assert check("\n".join(lines)) != []


@pytest.mark.parametrize(("one", "other"), [(3, 8), (7, 8), (5, 8), (5, 7), (3, 4)])
def test_the_proof_notices_steps_in_the_wrong_order(one: int, other: int) -> None:
    lines = GOOD.splitlines()
    lines.insert(other, lines.pop(one))
    assert check("\n".join(lines)) != []


def test_the_proof_does_not_count_a_sync_that_failed() -> None:
    failed = GOOD.replace("fdatasync(5</data/headrace.db-wal>) = 0", "fdatasync(5</data/headrace.db-wal>) = -1 EIO (I)")
    assert (
        check(failed)
        == ["/data/headrace.db-wal was not synced", "/data/blobs/ab/1 was not safe before the commit"][::-1]
    )
