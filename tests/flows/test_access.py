"""Deny by default: every route and every transport that there is, also those that are added later."""

import asyncio
import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest
import socketio

from headrace.server.principal import OPEN, OPEN_POSTS, OPERATING, READING
from tests.faults.chaos import tell
from tests.flows.inhabited import Operation, Town, settle, town, unknown_ids

STREAMS = ["/api/ingest/stream/{job_id}", "/jobs/{job_id}/events", "/events"]
SOCKETS = ["/ws/{job_id}", "/ws"]
UNROUTED = [
    "/nothing",
    "/healthz/",
    "//healthz",
    "/healthz/%2e%2e/jobs",
    "/static/jobs",
    "/%2e%2e/etc/passwd",
    "/redoc",
]


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as made:
        yield made


def is_open(operation: Operation) -> bool:
    return operation.path in (OPEN if operation.method == "GET" else OPEN_POSTS)


def test_every_route_answers_401_to_whom_it_does_not_know(inhabited: Town) -> None:
    with inhabited.client() as client:
        answered = {one.name: one.send(client, inhabited.ids) for one in inhabited.operations if not is_open(one)}

    assert len(answered) >= 40
    assert {name: answer.status_code for name, answer in answered.items() if answer.status_code != 401} == {}
    for answer in answered.values():
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("path", UNROUTED)
def test_paths_that_nobody_has_thought_of_answer_401(inhabited: Town, path: str) -> None:
    with inhabited.client() as client:
        url = httpx.URL(inhabited.server.url).copy_with(raw_path=path.encode())

        assert {method: client.request(method, url).status_code for method in ("GET", "POST", "PUT", "OPTIONS")} == {
            "GET": 401,
            "POST": 401,
            "PUT": 401,
            "OPTIONS": 401,
        }


def test_what_is_open_is_open_for_reading_alone(inhabited: Town) -> None:
    with inhabited.client() as client:
        assert {path for path in OPEN if client.get(path).status_code not in (200, 404)} == set()
        assert {path for path in OPEN if client.post(path).status_code != 401} == set()
        assert {path for path in OPEN_POSTS if client.post(path, json={}).status_code != 401} == set()


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=hrt_" + "x" * 43, "?token={anna}", "?ticket={anna}"])
def test_every_stream_answers_401_to_whom_it_does_not_know(inhabited: Town, path: str, query: str) -> None:
    """A durable token in a URL is as good as none."""
    asked = (path + query).format(**inhabited.ids, anna=inhabited.anna)
    with inhabited.client() as client, client.stream("GET", asked) as response:
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", [*SOCKETS, "/socket", "/jobs"])
@pytest.mark.parametrize("query", ["", "?ticket=hrt_" + "x" * 43, "?ticket={anna}"])
def test_every_socket_answers_401_to_whom_it_does_not_know(inhabited: Town, path: str, query: str) -> None:
    assert inhabited.handshake((path + query).format(**inhabited.ids, anna=inhabited.anna)) == 401


def test_another_users_ids_are_answered_as_unknown_ones_on_every_route(inhabited: Town) -> None:
    foreign, unknown = inhabited.ids, unknown_ids(inhabited.ids)
    with inhabited.client(inhabited.eve) as eve:
        for operation in (one for one in inhabited.operations if one.parameters):
            theirs, nobodys = operation.send(eve, foreign), operation.send(eve, unknown)

            assert (operation.name, theirs.status_code) == (operation.name, 404)
            assert without_ids(theirs, foreign) == without_ids(nobodys, unknown), operation.name
    count = sum(bool(one.parameters) for one in inhabited.operations)
    tell("P14, foreign ids", f"{count} routes with an id answer for another user's as for an unknown one: 404")


def test_nothing_that_another_user_tries_changes_anything(inhabited: Town) -> None:
    with inhabited.client(inhabited.anna) as anna, inhabited.client(inhabited.eve) as eve:
        ids = settle(anna)
        looks = [f"/jobs/{ids['job_id']}", f"/documents/{ids['document_id']}", f"/workspaces/{ids['workspace_id']}"]
        before = [anna.get(path).json() for path in looks]
        for operation in (one for one in inhabited.operations if one.parameters):
            operation.send(eve, ids)

        assert [anna.get(path).json() for path in looks] == before


@pytest.mark.parametrize("path", STREAMS[:2])
def test_another_users_stream_is_answered_as_an_unknown_one(inhabited: Town, path: str) -> None:
    unknown = unknown_ids(inhabited.ids)
    with inhabited.client(inhabited.eve) as eve:
        theirs, nobodys = eve.get(path.format(**inhabited.ids)), eve.get(path.format(**unknown))

    assert theirs.status_code == 404
    assert without_ids(theirs, inhabited.ids) == without_ids(nobodys, unknown)


def test_another_users_socket_refuses_the_handshake_with_404(inhabited: Town) -> None:
    own = inhabited.handshake(f"/ws/{inhabited.ids['job_id']}", inhabited.anna)

    assert own == 101
    assert inhabited.handshake(f"/ws/{inhabited.ids['job_id']}", inhabited.eve) == 404
    assert inhabited.handshake(f"/ws/{uuid4()}", inhabited.eve) == 404


def test_ids_inside_of_questions_are_another_users_too(inhabited: Town) -> None:
    ids = inhabited.ids
    with inhabited.client(inhabited.eve) as eve:
        named = {"query": "water", "document_ids": [ids["document_id"]]}

        assert eve.post("/query", json={"query": "water", "workspace": ids["workspace_id"]}).status_code == 404
        assert eve.post("/query", json=named).json()["results"] == []
        assert eve.get("/query", params={"q": "water", "workspace": "mill"}).status_code == 404
        assert eve.get("/documents", params={"workspace": ids["workspace_id"]}).status_code == 404
        assert eve.post("/tickets", json={"job_id": ids["job_id"]}).status_code == 404
        assert eve.get("/jobs").json()["jobs"] == []
        assert eve.get("/documents", params={"cursor": str(UUID(int=2**128 - 1))}).json()["documents"] == []


def test_a_token_for_reading_changes_nothing(inhabited: Town) -> None:
    with inhabited.client(inhabited.reader) as reader:
        for operation in inhabited.operations:
            if is_open(operation) or operation.path == "/session":
                continue
            answer = operation.send(reader, inhabited.ids)
            is_own = operation.path not in OPERATING
            reads = is_own and (operation.method == "GET" or operation.path in READING)

            assert (operation.name, answer.status_code == 403) == (operation.name, not reads)


@pytest.mark.parametrize(
    "auth", [None, {}, {"token": ""}, {"token": "hr_wrong"}, {"token": ["x"]}, {"token": "{eve}x"}]
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_socket_io_refuses_to_connect_whom_it_does_not_know(
    inhabited: Town, auth: dict[str, object] | None, transport: str
) -> None:
    with inhabited.client(inhabited.anna) as anna:
        if anna.get("/socket.io/", params={"EIO": "4", "transport": "polling"}).status_code == 404:
            pytest.skip("this server has no Socket.IO")

    async def connect() -> None:
        async with socketio.AsyncSimpleClient() as client:
            await client.connect(inhabited.server.url, auth=auth, transports=[transport], wait_timeout=5)

    with pytest.raises(socketio.exceptions.ConnectionError):
        asyncio.run(connect())


def without_ids(answer: httpx.Response, ids: dict[str, str]) -> str:
    """The body with every id replaced by its name; the request's own says nothing about them."""
    text = re.sub('"request_id": ?"[0-9a-f]+"', "", answer.text)
    for one in set(ids.values()):
        text = text.replace(one, "<id>")
    return text
