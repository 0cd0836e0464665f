"""The client and the commands while something between them and the server, or the server itself, is unwell."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from headrace.cli.bars import Screen
from headrace.client import Client, ServerUnreachable
from headrace.model.errors import HeadraceError
from tests.running import COMMAND, RunningServer, running_server

Reply = tuple[int, dict[str, str], bytes]

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
PROXY: Reply = (502, {"Content-Type": "text/html"}, PAGE)
BUSY: Reply = (503, {"Retry-After": "1"}, b'{"code": "busy", "detail": "the server is starting", "status": 503}')
LIMITED: Reply = (429, {"Retry-After": "1"}, b"")
LOGIN: Reply = (200, {"Content-Type": "text/html"}, b"<html>log in</html>")
ELSEWHERE: Reply = (302, {"Location": "/login"}, b"")


def told(**answer: object) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def stream(*frames: dict[str, object]) -> Reply:
    lines = "".join(f"id: {one['event_id']}\ndata: {json.dumps(one)}\n\n" for one in frames)
    return 200, {"Content-Type": "text/event-stream"}, lines.encode()


def frame(number: int, kind: str, status: str = "indexing") -> dict[str, object]:
    return {"event_id": f"e-{number}", "type": kind, "status": status}


class Unwell(ThreadingHTTPServer):
    """Answers each path with the next of its replies, the last one for ever; `asked` are the requests' headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def headers(self, path: str, name: str) -> list[str | None]:
        return [headers.get(name) for asked, headers in self.asked if asked == path]


class _Handler(BaseHTTPRequestHandler):
    server: Unwell

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
        replies = self.server.replies[path]
        status, headers, body = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the standard library calls

    def log_message(self, *_: Any) -> None:
        """Not on the screen of the tests."""


@pytest.fixture
def unwell() -> Iterator[Unwell]:
    with Unwell() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_proxys_page_is_told_by_its_status_alone(unwell: Unwell) -> None:
    unwell.replies["/jobs/x"] = [PROXY]

    with Client(unwell.url) as client, pytest.raises(HeadraceError, match=r"^the server answered 502 Bad Gateway$"):
        client.get_job("x")


@pytest.mark.parametrize("reply", [LOGIN, ELSEWHERE], ids=["page", "redirect"])
def test_what_is_not_headrace_is_never_taken_for_an_answer(reply: Reply, unwell: Unwell) -> None:
    unwell.replies |= {"/jobs/x": [reply], "/jobs/x/events": [reply]}

    with Client(unwell.url) as client:
        with pytest.raises(ServerUnreachable):
            client.get_job("x")
        with pytest.raises(ServerUnreachable, match="is no stream of events"):
            next(client.follow("x"))


@pytest.mark.parametrize("reply", [PROXY, BUSY, LIMITED, LOGIN], ids=["502", "503", "429", "page"])
def test_a_watcher_goes_on_where_it_was_after_what_passes(reply: Reply, unwell: Unwell) -> None:
    begun, ended = stream(frame(1, "snapshot"), frame(2, "job.progress")), frame(3, "job.completed", "completed")
    unwell.replies["/jobs/x/events"] = [begun, reply, stream(ended)]

    with Client(unwell.url) as client:
        seen = [one["event_id"] for one in client.follow("x", patience_seconds=30)]

    assert seen == ["e-1", "e-2", "e-3"]
    assert unwell.headers("/jobs/x/events", "last-event-id") == [None, "e-2", "e-2"]


def test_ingest_sends_again_what_was_refused_for_now_as_the_same_job(unwell: Unwell, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Short.")
    done = told(job_id="x", status="completed", failed_items=0)
    unwell.replies = {
        "/healthz": [told(status="ok")],
        "/ingest": [BUSY, LIMITED, PROXY, told(job_id="x")],
        "/jobs/x/events": [stream(frame(1, "snapshot"), frame(2, "job.completed", "completed"))],
        "/jobs/x": [PROXY, done],
    }

    ended = subprocess.run(
        [COMMAND, "ingest", tmp_path / "note.txt", "--url", unwell.url], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, env=os.environ,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines() == [
        "the server is starting; trying again",
        "the server answered 502 Bad Gateway; trying again",
    ]
    keys = unwell.headers("/ingest", "idempotency-key")
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert keys[0]


def test_the_bars_stay_while_the_documents_cannot_be_looked_at(unwell: Unwell) -> None:
    unwell.replies["/jobs/x/documents"] = [PROXY, BUSY]

    with Client(unwell.url) as client:
        screen = Screen(client, "x")
        screen.look()
        screen.look()
        unwell.replies["/jobs/x/documents"] = [(404, {}, b"")]
        with pytest.raises(HeadraceError):
            screen.look()


def test_a_watch_whose_token_is_taken_back_ends_plainly(tmp_path: Path) -> None:
    with running_server(tmp_path, auth="required") as server:
        token = server.run("token", "create", "--user", "anna").stdout.strip()
        with closing(Client(server.url, token=token)) as client:
            job_id = client.begin_task({"title": "long", "total": 10, "lease_seconds": 600})["job_id"]
        environment = server.environment | {"HEADRACE_TOKEN": token}
        with subprocess.Popen(
            [COMMAND, "watch", job_id], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as watch:  # fmt: skip
            assert watch.stdout is not None
            assert watch.stdout.readline()
            server.run("token", "revoke", json.loads(server.run("token", "list").stdout)["token_id"])
            _, complaint = watch.communicate(timeout=60)

    assert watch.returncode == 2
    assert len(complaint.splitlines()) == 1
    assert complaint.startswith("no valid token came with the request")


def test_a_command_gives_up_on_a_proxy_that_has_no_server(unwell: Unwell, tmp_path: Path) -> None:
    unwell.replies["/jobs"] = [PROXY]

    done = RunningServer(tmp_path).run("jobs", "list", "--url", unwell.url)

    assert (done.returncode, done.stderr) == (3, "the server answered 502 Bad Gateway\n")
