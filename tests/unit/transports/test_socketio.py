"""Socket.IO over real sockets: names and views, resuming, refusals, slow clients, and what happens at the end."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import socketio
import uvicorn
import websockets

from headrace.eventlog.hub import Hub, Limits
from headrace.model.errors import NotAllowed, NotAuthenticated
from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.transports.asgi import Scope, header
from headrace.transports.mount import Streams
from headrace.transports.socketio import SocketIO
from headrace.transports.socketio.outbox import MOST_POLLED
from tests.services import free_port
from tests.unit.eventlog.writing import Author
from tests.unit.transports.serving import SECONDS, Server, application, authenticate
from tests.watching import Session

NAMES = ("document_status", "workspace_status", "job_event")
Got = list[tuple[str, dict[str, Any]]]


async def connect(_scope: Scope, secret: str | None) -> Principal:
    """The token is the user's name."""
    if not secret:
        raise NotAuthenticated("no valid token came with the request")
    return Principal(user_id=UserId(secret), credential=f"credential of {secret}")


def check_source(scope: Scope) -> None:
    if header(scope, b"origin") == "http://elsewhere.example":
        raise NotAllowed("not from there")


class SocketServer(Server):
    async def shutdown(self, sockets: Any = None) -> None:
        await self.hub.close()
        await self.wire.close()
        await super().shutdown(sockets)


@contextmanager
def serving(database, loop: str = "uvloop", **limits: Any) -> Iterator[SocketServer]:
    hub = Hub(database, Limits(**limits))
    wire = SocketIO(hub, connect, check_source)
    config = uvicorn.Config(
        Streams(application, hub, authenticate, wire), port=free_port(), loop=loop, lifespan="off",
        log_level="error", access_log=False, ws="websockets-sansio", ws_per_message_deflate=False,
    )  # fmt: skip
    server = SocketServer(config, hub)
    server.wire = wire
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.is_up.wait(SECONDS)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive(), "the server does not stop"


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, database) -> Iterator[SocketServer]:
    with serving(database, request.param) as running:
        yield running


def url(server: SocketServer) -> str:
    return f"http://127.0.0.1:{server.config.port}"


@asynccontextmanager
async def client(
    server: SocketServer, token: str, after: str | None = None, transport: str = "websocket", **options: Any
) -> AsyncIterator[asyncio.Queue[tuple[str, dict[str, Any]]]]:
    """What a client gets, as (name, payload), and ("disconnect", reason) at its end."""
    queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    one = socketio.AsyncClient(reconnection=False, http_session=Session())
    for name in (*NAMES, "disconnect"):
        one.on(name, lambda payload, name=name: queue.put_nowait((name, payload)))
    auth = {"token": token} | ({} if after is None else {"after": after})
    try:
        transports = transport.split()
        await one.connect(url(server), auth=auth, transports=transports, wait_timeout=SECONDS, **options)
        yield queue
    finally:
        await leave(one)


async def leave(one: socketio.AsyncClient) -> None:
    await one.disconnect()
    await one.eio.http.close()


async def take(queue: asyncio.Queue[tuple[str, dict[str, Any]]], count: int) -> Got:
    async with asyncio.timeout(SECONDS):
        return [await queue.get() for _ in range(count)]


async def watch_from(server: SocketServer, author: Author, after: str | None, count: int, transport: str) -> Got:
    async with client(server, author.user_id, after, transport) as queue:
        return await take(queue, count)


TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling", "polling websocket"])


@TRANSPORTS
def test_a_fresh_watcher_gets_the_snapshot_and_then_what_comes(server, alice, transport) -> None:
    job = alice.begin(ticks=2)

    async def main() -> Got:
        async with client(server, alice.user_id, transport=transport) as queue:
            first = await take(queue, 1)
            alice.end(alice.tick(job, 30))
            return first + await take(queue, 31)

    (name, snapshot), *later = asyncio.run(main())

    assert (name, snapshot["type"], snapshot["jobs"][0]["seq"]) == ("job_event", "snapshot", 4)
    assert [frame["seq"] for _, frame in later] == list(range(5, 36))
    assert {name for name, _ in later} == {"job_event"}
    assert later[-1][1]["type"] == "job.completed"


@TRANSPORTS
def test_what_was_missed_comes_before_anything_new(server, alice, transport) -> None:
    job = alice.begin(ticks=700)  # more than a page, and more than any outbox holds

    async def main() -> Got:
        async with client(server, alice.user_id, str(alice.cursor(3)), transport) as queue:
            alice.tick(job, 50)
            return await take(queue, 749)

    got = asyncio.run(main())

    assert [frame["seq"] for _, frame in got] == list(range(4, 753))
    assert [frame["event_id"] for _, frame in got] == [str(alice.cursor(number)) for number in range(4, 753)]


@pytest.mark.parametrize("cursor", ["another-7", "{epoch}-9999"])
def test_a_place_that_the_log_does_not_know_gets_a_reset_and_the_snapshot(server, alice, cursor) -> None:
    alice.begin()
    after = cursor.format(epoch=alice.database.epoch).replace("another", "abcdef")

    got = asyncio.run(watch_from(server, alice, after, 2, "websocket"))

    assert [(name, frame["type"]) for name, frame in got] == [("job_event", "reset"), ("job_event", "snapshot")]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"token": ""}, "no valid token"),
        (None, "no valid token"),
        ({"token": 7}, "has to be a string"),
        ("alice", "has to be an object"),
        ({"token": "alice", "after": "rubbish"}, "not an event id"),
        ({"token": "alice", "after": 7}, "not an event id"),
    ],
)
def test_whoever_may_not_connect_is_told_why_instead(server, auth, words, transport) -> None:
    async def main() -> list[Any]:
        errors: list[Any] = []
        one = socketio.AsyncClient(reconnection=False, http_session=Session())
        one.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await one.connect(url(server), auth=auth, transports=[transport], wait_timeout=SECONDS)
        await leave(one)
        return errors

    (error,) = asyncio.run(main())

    assert words in error["message"]
    assert error["data"]["status"] in (400, 401)
    assert server.hub.count_watchers() == 0


def test_a_page_of_another_site_is_refused_on_both_transports(server) -> None:
    elsewhere = {"origin": "http://elsewhere.example"}

    answer = httpx.get(f"{url(server)}/socket.io/?EIO=4&transport=polling", headers=elsewhere, trust_env=False)

    assert answer.status_code == 403
    assert answer.json()["code"] == "not_allowed"
    assert "access-control-allow-origin" not in answer.headers

    async def handshake() -> int:
        address = f"ws://127.0.0.1:{server.config.port}/socket.io/?EIO=4&transport=websocket"
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            await websockets.connect(address, additional_headers=elsewhere, proxy=None)
        return refused.value.response.status_code

    assert asyncio.run(handshake()) == 403


def test_what_a_script_element_could_load_is_not_served(server) -> None:
    answer = httpx.get(f"{url(server)}/socket.io/?EIO=4&transport=polling&j=0", trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_a_client_that_polls_no_more_holds_little_and_is_let_go(database, alice, caplog) -> None:
    job = alice.begin()

    with serving(database, stuck_seconds=1.0) as server, httpx.Client(trust_env=False) as http:
        address = f"{url(server)}/socket.io/?EIO=4&transport=polling"
        sid = http.get(address).text.partition('"sid":"')[2].partition('"')[0]
        http.post(f"{address}&sid={sid}", content=f'40{{"token":"{alice.user_id}"}}')
        connected = http.get(f"{address}&sid={sid}").text
        (socket,) = server.wire._wire._server.eio.sockets.values()
        alice.tick(job, 500)
        most = 0
        until = time.monotonic() + SECONDS
        while server.hub.count_watchers() and time.monotonic() < until:
            most = max(most, socket.queue.qsize())
            time.sleep(0.01)
        after = http.get(f"{address}&sid={sid}").status_code

    assert connected.startswith("40")
    assert 0 < most <= MOST_POLLED + 2
    assert server.hub.count_watchers() == 0
    assert after == 400


def test_who_is_not_known_any_more_is_told_to_stay_away(server, alice, bob) -> None:
    async def main() -> tuple[Got, Got]:
        async with client(server, alice.user_id) as hers, client(server, bob.user_id) as his:
            await take(hers, 1)
            await take(his, 1)
            server.servers[0].get_loop().call_soon_threadsafe(server.hub.expel, {f"credential of {alice.user_id}"})
            told = await take(hers, 1)
            bob.begin()
            return told, await take(his, 2)

    told, his = asyncio.run(main())

    assert told == [("disconnect", "server disconnect")]
    assert [frame["seq"] for _, frame in his] == [1, 2]


@TRANSPORTS
def test_a_server_that_stops_ends_every_connection(database, alice, transport) -> None:
    async def main(server: SocketServer) -> Got:
        async with client(server, alice.user_id, transport=transport) as queue:
            await take(queue, 1)
            server.should_exit = True
            return await take(queue, 1)

    started = time.monotonic()
    with serving(database) as server:
        told = asyncio.run(main(server))

    assert told[0][0] == "disconnect"
    assert told[0][1] != "server disconnect"  # after which clients would stay away
    assert time.monotonic() - started < 10


@TRANSPORTS
def test_a_watcher_that_reconnects_anywhere_sees_each_event_once(database, alice, transport) -> None:
    events, watchers = 300, 5
    job = alice.begin()
    seed = random.randrange(2**32)
    chance = random.Random(seed)

    def write() -> None:
        last = alice.newest(job)
        while last.sequence < events:
            last = alice.tick(last, min(1 + last.sequence % 5, events - last.sequence))

    async def watch(server: SocketServer) -> list[int]:
        seen: list[int] = []
        cursor = str(alice.cursor(0))
        while events not in seen:
            stay_for = chance.randint(1, 60)
            async with client(server, alice.user_id, cursor, transport) as queue:
                while stay_for and events not in seen:
                    ((_, frame),) = await take(queue, 1)
                    seen.append(frame["seq"])
                    cursor, stay_for = frame["event_id"], stay_for - 1
        return seen

    async def watch_all(server: SocketServer) -> list[list[int]]:
        return await asyncio.gather(*(watch(server) for _ in range(watchers)))

    with serving(database) as server:
        writer = threading.Thread(target=write)
        writer.start()
        everything = asyncio.run(watch_all(server))
        writer.join()

    print(f"seed {seed}")
    assert everything == [list(range(1, events + 1))] * watchers
