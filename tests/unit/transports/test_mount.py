"""Which requests go to the hub, which to the application, and how the hub says no."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from headrace.eventlog.hub import Hub
from headrace.transports.asgi import Scope
from headrace.transports.mount import Streams, find_route
from tests.unit.transports.serving import Server, application, authenticate, get, serving

JSON = "application/json"


@pytest.fixture
def server(database) -> Iterator[Server]:
    with serving(Hub(database)) as running:
        yield running


def scope_of(path: str, *, kind: str = "http", method: str = "GET", accept: str = "*/*", root: str = "") -> Scope:
    return {
        "type": kind, "method": method, "path": path, "root_path": root, "query_string": b"",
        "headers": [(b"accept", accept.encode())],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind", "job"),
    [
        ("/jobs/j1/events", "http", "j1"),
        ("/api/ingest/stream/j1", "http", "j1"),
        ("/events", "http", None),
        ("/ws/j1", "websocket", "j1"),
        ("/ws", "websocket", None),
    ],
)
@pytest.mark.parametrize("root", ["", "/files", "/files/"])
def test_the_streams_are_found_below_any_root(path, kind, job, root) -> None:
    route = find_route(scope_of(root.rstrip("/") + path, kind=kind, root=root))

    assert route is not None
    assert route.job == job


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("/jobs"),
        scope_of("/jobs/j1"),
        scope_of("/jobs//events"),
        scope_of("/jobs/j1/x/events"),
        scope_of("/jobs/j1/events", method="POST"),
        scope_of("/jobs/j1/events", method="HEAD"),
        scope_of("/jobs/j1/events", accept=JSON),
        scope_of("/jobs/j1/events", accept=f"text/html, {JSON};q=0.9"),
        scope_of("/ws"),
        scope_of("/events", kind="websocket"),
        scope_of("/filesystem/events", root="/files"),
        {"type": "lifespan"},
    ],
)
def test_everything_else_is_the_application_s(scope) -> None:
    assert find_route(scope) is None


def test_the_application_answers_what_is_not_a_stream(server, alice) -> None:
    assert get(server, "/jobs/j1/events", accept=JSON).text == "GET /jobs/j1/events"
    assert get(server, "/other").status_code == 299


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/jobs/no-such/events?user=alice", 404, "job_not_found"),
        ("/api/ingest/stream/..%00?user=alice", 404, "job_not_found"),
        ("/events?user=alice&after=1;DROP", 400, "malformed_cursor"),
        ("/events?user=nobody", 401, "not_authenticated"),
        ("/events?user=stranger", 403, "not_allowed"),
    ],
)
def test_a_refused_stream_is_answered_with_a_problem(server, path, status, code) -> None:
    answer = get(server, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert answer.headers["x-request-id"] == problem["request_id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/ws/no-such?user=alice", 404), ("/ws?user=alice&after=!", 400), ("/ws?user=nobody", 401)],
)
def test_a_refused_websocket_is_answered_in_its_handshake(server, path, status) -> None:
    async def scenario() -> dict[str, Any]:
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(f"ws://127.0.0.1:{server.config.port}{path}", proxy=None)
        assert refused.value.response.status_code == status
        return dict(json.loads(refused.value.response.body))

    assert asyncio.run(scenario())["status"] == status


def test_another_user_s_job_is_not_found(server, alice, bob) -> None:
    job = bob.begin()

    assert get(server, f"/jobs/{job.job_id}/events?user={alice.user_id}").status_code == 404


def test_a_server_that_cannot_answer_a_handshake_closes_it(database) -> None:
    sent: list[dict[str, Any]] = []
    came = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(came)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = scope_of("/ws/j1", kind="websocket") | {"query_string": b"user=nobody"}
    asyncio.run(Streams(application, Hub(database), authenticate)(scope, receive, send))

    assert sent == [{"type": "websocket.close", "code": 4401, "reason": "not_authenticated"}]


def test_a_hub_that_does_not_run_is_busy(database) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = scope_of("/events") | {"query_string": b"user=alice"}
    asyncio.run(Streams(application, Hub(database), authenticate)(scope, receive, send))

    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
