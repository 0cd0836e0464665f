"""A full queue or disk refuses new work early and clearly; what is there can be read and watched all the time."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults import chaos
from tests.faults.test_kills import submit
from tests.running import RunningServer, running_server
from tests.services import needs
from tests.unit.pipeline.documents import pdf

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

MUCH = 10**18
"""More bytes than any disk has free."""


def answer_before_the_body(server: RunningServer, path: str, content_type: str) -> bytes:
    """What is answered to a request of which only the head was sent."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: 100000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
        return answer


def test_a_disk_that_is_nearly_full_answers_507_before_the_body_and_everything_else_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path, embedder="none", min_free_disk_bytes=0) as server, server.client() as client:
        job = submit(client, {"weir.txt": b"the weir holds"})
        chaos.wait_for_end(client, job)
        server.stop()
        server.environment["HEADRACE_MIN_FREE_DISK_BYTES"] = str(MUCH)
        server.start()
        answer = answer_before_the_body(server, "/ingest", "multipart/form-data; boundary=x")
        assert answer.startswith(b"HTTP/1.1 507 ")
        assert b'"disk_low"' in answer
        for path in ("/ingest/text/async", "/ingest/batch"):
            body = {"text_content": "x", "messages": [{"text": "x"}]}
            assert client.post(path, json=body).status_code == httpx.codes.INSUFFICIENT_STORAGE
        assert chaos.job_of(client, job)["status"] == "completed"
        assert client.post("/query", json={"query": "weir", "mode": "keyword"}).json()["results"]
        with client.stream("GET", f"/jobs/{job}/events") as stream:
            assert "job.completed" in "".join(stream.iter_text())
        chaos.tell("P10, disk", "507 before the body is read; reads, search and streams go on")


def test_a_full_queue_answers_429_and_when_to_come_again(tmp_path: Path) -> None:
    settings = {"embedder": "none", "min_free_disk_bytes": 0, "max_pending_jobs": 3, "max_concurrent_jobs": 1}
    with running_server(tmp_path, **settings) as server, server.client() as client:
        book = {"book.pdf": pdf([f"page {page} of the book of weirs" for page in range(1500)])}
        first = submit(client, book)
        accepted = []
        answer = client.post("/ingest/text/async", json={"text_content": "a note"})
        while answer.status_code == httpx.codes.ACCEPTED and len(accepted) < 50:
            accepted.append(answer.json()["job_id"])
            answer = client.post("/ingest/text/async", json={"text_content": "a note"})
        assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["code"] == "queue_full"
        early = answer_before_the_body(server, "/upload", "multipart/form-data; boundary=x")
        assert early.startswith(b"HTTP/1.1 429 ")
        for job in (first, *accepted):
            assert chaos.wait_for_end(client, job)["status"] == "completed"
        assert client.post("/ingest/text/async", json={"text_content": "a note"}).status_code == httpx.codes.ACCEPTED
        chaos.tell("P10, queue", f"429 after {len(accepted) + 1} jobs, and room again when they had ended")


@contextmanager
def failing(server: RunningServer, calls: str, error: str, log: Path) -> Iterator[None]:
    """These system calls of the running server fail, all of them, as a broken or a full disk makes them."""
    inject = f"inject={calls}:error={error}"
    command = [
        needs("strace"),
        "-f",
        "-e",
        f"trace={calls}",
        "-e",
        inject,
        "-o",
        "/dev/null",
        "-p",
        str(server.pids[0]),
    ]
    with log.open("wb") as errors:
        strace = subprocess.Popen(command, stderr=errors)
    try:
        chaos.until(lambda: "attached" in log.read_text(), 20, "strace has attached itself")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(20)


@pytest.mark.parametrize(("calls", "error"), [("fsync,fdatasync", "EIO"), ("fsync,fdatasync", "ENOSPC")])
def test_a_disk_that_fails_gets_no_promise_out_of_the_server(tmp_path: Path, calls: str, error: str) -> None:
    """What cannot be made durable is not accepted; what was accepted is there when the disk is well again."""
    count = chaos.pick(2, 200)
    with (
        running_server(tmp_path, embedder="none", min_free_disk_bytes=0) as server,
        server.client(timeout=120) as client,
    ):
        before = [submit(client, {f"{number}.txt": b"the weir holds"}) for number in range(3)]
        with failing(server, calls, error, tmp_path / "said"):
            told = []
            for number in range(count):
                file = {"file": (f"lost-{number}.txt", b"it does not %d" % number)}
                told.append(client.post("/ingest", files=file))
                assert client.get("/healthz").status_code == 200
                assert client.get(f"/jobs/{before[0]}").status_code == 200
        assert {answer.status_code for answer in told} <= {500, 503, 507}
        assert all(answer.headers["content-type"] == "application/problem+json" for answer in told)
        after = submit(client, {"after.txt": b"it holds again"})
        for job in (*before, after):
            assert chaos.wait_for_end(client, job, 120)["status"] == "completed"
        left = {one["filename"] for one in client.get("/documents").json()["documents"]}
        assert not [name for name in left if name.startswith("lost-")]
        chaos.tell(f"P1, {error}", f"{count} uploads while every fsync failed: none was acknowledged, none is there")
