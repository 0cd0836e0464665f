"""Webhooks as a real HTTP receiver gets them, on SQLite and on Postgres alike."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from headrace.model.errors import InvalidField, WebhookNotFound, WorkspaceNotFound
from headrace.model.ids import new_id
from headrace.relays.keeper import Relays
from headrace.relays.webhooks import guard
from headrace.service.webhooks import Webhooks
from headrace.settings import Settings
from headrace.store.database import Database
from headrace.store.migrations import upgrade
from headrace.store.webhooks import Delivery
from tests.relaying import ALICE, BOB, Shelf, shelf

SECONDS = 60.0
OPEN = Settings(webhook_allow_private=True, webhook_first_retry_seconds=0.05, webhook_timeout_seconds=5)


class Receiver:
    """Answers what `answer` says of each request: a status, or a status and a Location."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[int], int | tuple[int, str]] = lambda _: 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                answer = receiver.answer(len(receiver.got))
                status, location = answer if isinstance(answer, tuple) else (answer, "")
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def frames(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_database") if is_postgres else f"sqlite:///{tmp_path / 'headrace.db'}"
    made = Database(url)
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def alice(database: Database) -> Shelf:
    return shelf(database, ALICE)


@pytest.fixture
def hooks(database: Database) -> Webhooks:
    return Webhooks(database, OPEN)


@asynccontextmanager
async def sending(database: Database, settings: Settings = OPEN) -> AsyncIterator[None]:
    relays = Relays(database, settings)
    relays.start()
    try:
        yield
    finally:
        await relays.close()


def deliver(
    database: Database, hooks: Webhooks, alice: Shelf, is_done: Callable[[list[Delivery]], bool], **settings: object
) -> list[Delivery]:
    """Send until the deliveries are as they should be; returns them, oldest first."""

    def look() -> list[Delivery]:
        return hooks.list_deliveries(ALICE, alice.workspace_id, limit=1000, before=None)[::-1]

    async def run() -> list[Delivery]:
        given = Settings(**OPEN.model_dump() | settings)
        async with sending(database, given), asyncio.timeout(SECONDS):
            while not is_done(found := await asyncio.to_thread(look)):  # noqa: ASYNC110 - no other signal
                await asyncio.sleep(0.02)
        return found

    return asyncio.run(run())


def all_ended(count: int) -> Callable[[list[Delivery]], bool]:
    return lambda found: sum(one.status != "pending" for one in found) == count


def test_an_event_is_posted_as_its_frame_with_a_signature_that_the_library_verifies(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hook, _ = hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    (number,) = alice.tell(job_id=new_id())

    (delivery,) = deliver(database, hooks, alice, all_ended(1))

    ((path, headers, body),) = receiver.got
    frame = Verifier(hook.secret).verify(body, headers)
    assert path == "/hook"
    assert headers["webhook-id"] == frame["event_id"] == f"{database.epoch}-{number}"
    assert headers["content-type"] == "application/json"
    assert (frame["type"], frame["seq"]) == ("job.stage", 1)
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("delivered", 1, None)


def test_a_receiver_that_fails_gets_the_same_event_again_and_later_ones_of_the_job_wait(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    receiver.answer = lambda count: 500 if count < 4 else 200
    alice.tell(3, job_id=new_id())

    deliveries = deliver(database, hooks, alice, all_ended(3))

    assert [frame["seq"] for frame in receiver.frames()] == [1, 1, 1, 1, 2, 3]
    assert [one.attempts for one in deliveries] == [4, 1, 1]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 3


def test_one_job_does_not_wait_for_another(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    stuck, free = new_id(), new_id()
    receiver.answer = lambda _: 503 if receiver.frames()[-1]["job_id"] == stuck else 200
    alice.tell(1, job_id=stuck)
    alice.tell(2, job_id=free)

    deliveries = deliver(
        database, hooks, alice, lambda found: all_ended(2)(found) and found[0].attempts > 1,
        webhook_first_retry_seconds=0.2,
    )  # fmt: skip

    assert [one.status for one in deliveries] == ["pending", "delivered", "delivered"]
    assert deliveries[0].last_error == "the receiver answered 503"


def test_a_delivery_is_given_up_when_its_time_is_over_and_the_next_one_goes(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    receiver.answer = lambda _: 500 if receiver.frames()[-1]["seq"] == 1 else 200
    alice.tell(2, job_id=new_id())

    deliveries = deliver(database, hooks, alice, all_ended(2), webhook_retry_hours=0.5 / 3600)

    assert [one.status for one in deliveries] == ["failed", "delivered"]
    assert deliveries[0].attempts > 1


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    receiver.answer = lambda _: 410
    alice.tell(job_id=new_id())

    (delivery,) = deliver(database, hooks, alice, all_ended(1))

    assert (delivery.status, delivery.attempts) == ("failed", 1)


def test_only_the_workspace_s_own_events_of_the_types_asked_for_are_posted(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    other = shelf(database, ALICE)
    alice.tell(1)
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=["document.status.updated"])
    alice.tell(1, job_id=new_id())
    other.tell(1)
    (number,) = alice.tell(1)

    (delivery,) = deliver(database, hooks, alice, all_ended(1))

    assert delivery.event_id == f"{database.epoch}-{number}"
    assert [frame["workspace_id"] for frame in receiver.frames()] == [alice.workspace_id]


def test_a_restart_delivers_what_was_pending_and_nothing_twice(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    alice.tell(2, job_id=new_id())
    deliver(database, hooks, alice, all_ended(2))
    receiver.answer = lambda _: 500
    alice.tell(1, job_id=new_id())
    deliver(database, hooks, alice, lambda found: len(found) == 3 and found[2].attempts > 0)
    receiver.answer = lambda _: 200

    deliveries = deliver(database, hooks, alice, all_ended(3))

    assert [one.status for one in deliveries] == ["delivered"] * 3
    delivered = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert [delivered.count(one.event_id) for one in deliveries[:2]] == [1, 1]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest", "private"),
        ("http://localhost:1/", "private"),
        ("ftp://example.org/", "must begin with"),
        ("/hook", "redirected more than"),
    ],
)
def test_a_redirect_is_followed_only_to_where_a_webhook_may_go(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver, location: str, reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = guard._is_public
    monkeypatch.setattr(guard, "_is_public", lambda one: str(one) == "127.0.0.1" or real(one))
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    target = location.replace("localhost", "[::1]")
    receiver.answer = lambda _: (307, target)
    alice.tell(job_id=new_id())

    (delivery,) = deliver(
        database, hooks, alice, lambda found: bool(found) and found[0].attempts > 0, webhook_allow_private=False
    )

    assert reason in str(delivery.last_error)


def test_a_redirect_that_keeps_the_post_is_followed(
    database: Database, hooks: Webhooks, alice: Shelf, receiver: Receiver
) -> None:
    hooks.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    receiver.answer = lambda count: (308, "/moved") if count == 1 else 200
    alice.tell(job_id=new_id())

    deliver(database, hooks, alice, all_ended(1))

    assert [path for path, _, _ in receiver.got] == ["/hook", "/moved"]


def test_an_address_of_the_machine_is_refused_when_it_is_set_and_when_it_is_posted_to(
    database: Database, alice: Shelf, hooks: Webhooks, receiver: Receiver
) -> None:
    strict = Webhooks(database, Settings())
    with pytest.raises(InvalidField, match="private"):
        strict.put(ALICE, alice.workspace_id, receiver.url, secret=None, types=None)
    strict.put(ALICE, alice.workspace_id, receiver.url.replace("127.0.0.1", "localhost"), secret=None, types=None)
    alice.tell(job_id=new_id())

    (delivery,) = deliver(
        database, hooks, alice, lambda found: bool(found) and found[0].attempts > 0, webhook_allow_private=False
    )

    assert "private" in str(delivery.last_error)
    assert receiver.got == []


def test_a_secret_is_new_once_and_kept_when_the_url_changes(alice: Shelf, hooks: Webhooks) -> None:
    first, first_is_new = hooks.put(ALICE, alice.workspace_id, "https://example.org/a", secret=None, types=None)
    second, second_is_new = hooks.put(ALICE, alice.workspace_id, "https://example.org/b", secret=None, types=None)

    assert (first_is_new, second_is_new) == (True, False)
    assert first.secret == second.secret
    assert first.secret.startswith("whsec_")
    assert hooks.get(ALICE, alice.workspace_id).url == "https://example.org/b"


@pytest.mark.parametrize(
    ("url", "secret", "types", "field"),
    [
        ("ftp://example.org", None, None, "url"),
        ("https://user:word@example.org", None, None, "url"),
        ("https://", None, None, "url"),
        ("https://example.org", "short", None, "secret"),
        ("https://example.org", "whsec_c2hvcnQ=", None, "secret"),
        ("https://example.org", None, ["job.unheard"], "types"),
        ("https://example.org", None, ["snapshot"], "types"),
    ],
)
def test_what_cannot_be_meant_is_named(
    alice: Shelf, hooks: Webhooks, url: str, secret: str | None, types: list[str] | None, field: str
) -> None:
    with pytest.raises(InvalidField) as raised:
        hooks.put(ALICE, alice.workspace_id, url, secret=secret, types=types)
    assert raised.value.errors[0]["field"] == field


def test_a_webhook_is_its_owner_s_alone_and_gone_when_deleted(alice: Shelf, hooks: Webhooks) -> None:
    hooks.put(ALICE, alice.workspace_id, "https://example.org", secret=None, types=None)

    with pytest.raises(WorkspaceNotFound):
        hooks.get(BOB, alice.workspace_id)
    hooks.delete(ALICE, alice.workspace_id)
    with pytest.raises(WebhookNotFound):
        hooks.get(ALICE, alice.workspace_id)
