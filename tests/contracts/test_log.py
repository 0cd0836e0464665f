"""The log as watchers read it, on SQLite and on Postgres alike."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from headrace.eventlog import replay
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.wakeup import hear
from headrace.model.cursor import Cursor
from headrace.model.errors import JobNotFound
from headrace.model.event import Event
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType
from headrace.store.database import Database, utc_now
from headrace.transports.poll import newer
from tests.unit.eventlog.writing import Author, new_database, sqlite_url

SECONDS = 60.0


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all tests, each of which brings a user of its own."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(tmp_path_factory.mktemp("log"))
        else:
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = new_database(url)
        stack.callback(made.close)
        yield made


@contextmanager
def new_postgres(url: str) -> Iterator[str]:
    name = f"log_{uuid4().hex}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def alice(database: Database) -> Author:
    return Author(database, UserId(f"alice-{uuid4().hex}"))


@pytest.fixture
def bob(database: Database) -> Author:
    return Author(database, UserId(f"bob-{uuid4().hex}"))


def of(job: Job) -> Stream:
    return Stream(job.user_id, job.job_id)


def open_at(database: Database, stream: Stream, cursor: Cursor | None) -> Opening:
    with database.read() as connection:
        return replay.open_stream(connection, stream, cursor, epoch=database.epoch, now=utc_now())


def read_all(database: Database, stream: Stream, after: int, limit: int = 3) -> list[Event]:
    """The rest of a stream, page by page."""
    found: list[Event] = []
    with database.read() as connection:
        while page := replay.read_page(connection, stream, after, limit):
            found += page
            after = stream.place(page[-1])
    return found


def told(events: list[Event]) -> list[str]:
    return [event.type.value for event in events]


def test_a_fresh_watcher_gets_the_state_as_of_the_newest_event(database, alice) -> None:
    job = alice.begin(ticks=3)

    opening = open_at(database, of(job), None)

    (snapshot,) = opening.first
    frame = json.loads(snapshot.frame(database.epoch))
    assert (frame["type"], frame["seq"], frame["message"]) == ("snapshot", 5, "event 5")
    assert frame["event_id"] == str(alice.cursor(job.last_number))
    assert not opening.is_over


def test_a_snapshot_has_the_members_of_every_frame(database, alice) -> None:
    job = alice.begin()

    frame = json.loads(open_at(database, of(job), None).first[0].frame(database.epoch))

    event = json.loads(alice.events(job.job_id)[-1].frame(database.epoch))
    assert list(frame) == list(event)


def test_a_fresh_watcher_of_an_ended_job_gets_the_snapshot_and_the_end_once_more(database, alice) -> None:
    job = alice.end(alice.begin(ticks=3))

    opening = open_at(database, of(job), None)

    assert told(opening.first) == ["snapshot", "job.completed"]
    assert opening.first[1] == alice.events(job.job_id)[-1]
    assert opening.is_over


def test_a_user_s_snapshot_lists_the_jobs_that_are_alive_newest_first(database, alice, bob) -> None:
    first, ended, last = alice.begin(), alice.end(alice.begin()), alice.begin()
    bob.begin()

    (snapshot,) = open_at(database, Stream(alice.user_id), None).first

    frame = json.loads(snapshot.frame(database.epoch))
    assert [job["job_id"] for job in frame["jobs"]] == [last.job_id, first.job_id]
    assert frame["jobs"][0]["event_id"] == frame["event_id"] == str(alice.cursor(last.last_number))
    assert (frame["job_id"], frame["seq"], frame["user_id"]) == (None, None, alice.user_id)
    assert ended.job_id not in snapshot.body


def test_from_every_event_of_a_job_a_watcher_gets_exactly_the_later_ones(database, alice) -> None:
    job, other = alice.begin(ticks=4), alice.begin()
    for _ in range(3):
        alice.tick(other)
        alice.tick(job, 2)
    alice.end(job)
    everything = alice.events(job.job_id)

    for seen in range(len(everything) + 1):
        number = everything[seen - 1].number if seen else 0
        opening = open_at(database, of(job), alice.cursor(number))

        assert not opening.first
        assert read_all(database, of(job), opening.place) == everything[seen:]


def test_any_position_of_the_user_s_stream_is_one_of_the_job_s_stream_too(database, alice) -> None:
    job, other = alice.begin(ticks=2), alice.begin()
    for _ in range(3):
        alice.tick(other)
        alice.tick(job)

    for cursor in range(alice.events()[-1].number + 1):
        opening = open_at(database, of(job), alice.cursor(cursor))

        later = [event for event in alice.events(job.job_id) if event.number > cursor]
        assert read_all(database, of(job), opening.place) == later


def test_from_every_event_of_a_user_a_watcher_gets_exactly_the_later_ones(database, alice, bob) -> None:
    alice.end(alice.begin(ticks=3))
    alice.note()
    alice.begin(ticks=3)
    bob.begin()
    everything = alice.events()

    for number in range(len(everything) + 1):
        opening = open_at(database, Stream(alice.user_id), alice.cursor(number))

        assert not opening.first
        assert read_all(database, Stream(alice.user_id), opening.place) == everything[number:]


def test_the_position_at_the_end_of_an_ended_job_is_over(database, alice) -> None:
    job = alice.end(alice.begin())

    opening = open_at(database, of(job), alice.cursor(job.last_number))

    assert opening.is_over
    assert not opening.first


def test_a_retried_job_goes_on_after_its_first_end(database, alice) -> None:
    failed = alice.fail(alice.begin())
    alice.end(alice.start(alice.retry(failed)))

    opening = open_at(database, of(failed), alice.cursor(failed.last_number))

    assert not opening.is_over
    rest = read_all(database, of(failed), opening.place)
    assert told(rest) == ["job.received", "job.stage", "job.completed"]


@pytest.mark.parametrize("whole", ["user", "job"])
def test_a_position_of_another_epoch_or_from_the_future_gets_a_reset_and_the_snapshot(database, alice, whole) -> None:
    job = alice.begin(ticks=2)
    stream = of(job) if whole == "job" else Stream(alice.user_id)

    for cursor in (Cursor("before", 2), alice.cursor(job.last_number + 1)):
        opening = open_at(database, stream, cursor)

        assert told(opening.first) == ["reset", "snapshot"]
        assert opening.first[0].number == 0
        assert opening.place == opening.head


def test_a_position_that_was_cleaned_away_gets_a_reset_the_snapshot_and_the_end(database, alice) -> None:
    job = alice.end(alice.begin(ticks=5))
    alice.clean()

    for number in range(job.last_number - 1):
        assert told(open_at(database, of(job), alice.cursor(number)).first) == ["reset", "snapshot", "job.completed"]
    just_before = open_at(database, of(job), alice.cursor(job.last_number - 1))
    assert read_all(database, of(job), just_before.place) == alice.events(job.job_id)
    assert open_at(database, of(job), alice.cursor(job.last_number)).is_over


def test_cleaning_one_job_costs_the_watchers_of_another_nothing(database, alice) -> None:
    kept = alice.begin(ticks=2)
    alice.end(alice.begin(ticks=5))
    alice.tick(kept, 2)
    everything = alice.events(kept.job_id)
    alice.clean()

    for seen, event in enumerate(everything, 1):
        opening = open_at(database, of(kept), alice.cursor(event.number))

        assert read_all(database, of(kept), opening.place) == everything[seen:]


def test_a_user_s_position_is_lost_below_what_was_cleaned_and_good_from_there_on(database, alice) -> None:
    alice.end(alice.begin(ticks=5))
    kept = alice.begin(ticks=3)
    before = alice.events()
    alice.clean()
    cleaned = max({event.number for event in before} - {event.number for event in alice.events()})

    for number in range(cleaned):
        assert told(open_at(database, Stream(alice.user_id), alice.cursor(number)).first) == ["reset", "snapshot"]
    for number in range(cleaned, kept.last_number + 1):
        opening = open_at(database, Stream(alice.user_id), alice.cursor(number))
        assert read_all(database, Stream(alice.user_id), opening.place) == [e for e in before if e.number > number]


def test_a_page_with_a_hole_is_refused(database, alice) -> None:
    job = alice.begin(ticks=10)
    alice.clean_before(job, 6)

    with database.read() as connection:
        assert replay.read_page(connection, of(job), 3) is None
        assert told(replay.read_page(connection, of(job), 5, limit=2) or []) == ["job.progress"] * 2


def test_a_list_is_read_page_by_page_from_the_first_event_to_an_empty_page(database, alice) -> None:
    job = alice.end(alice.begin(ticks=7))
    found: list[Event] = []
    cursor: Cursor | None = None

    with database.read() as connection:
        while page := replay.read_list(connection, of(job), cursor, epoch=database.epoch, now=utc_now(), limit=4):
            found += page
            cursor = alice.cursor(page[-1].number)

    assert found == alice.events(job.job_id)


def test_a_list_of_a_cleaned_job_says_so(database, alice) -> None:
    job = alice.end(alice.begin(ticks=7))
    alice.clean()

    with database.read() as connection:
        page = replay.read_list(connection, of(job), None, epoch=database.epoch, now=utc_now())

    assert told(page) == ["reset", "snapshot", "job.completed"]


@pytest.mark.parametrize("job_id", ["nobody's", "bob's"])
def test_an_unknown_job_and_someone_else_s_are_not_found_alike(database, alice, bob, job_id) -> None:
    foreign = bob.begin().job_id

    with pytest.raises(JobNotFound):
        open_at(database, Stream(alice.user_id, foreign if job_id == "bob's" else JobId(job_id)), None)


def test_a_reader_at_the_newest_number_skips_no_event_of_concurrent_writers(database, alice) -> None:
    jobs = [alice.begin() for _ in range(4)]
    last = alice.events()[-1].number
    want = last + 4 * 25
    seen: list[int] = []

    with ThreadPoolExecutor(4) as writers:
        written = [writers.submit(lambda job: [alice.tick(job) for _ in range(25)], job) for job in jobs]
        while last < want:
            with database.read() as connection:
                seen += [event.number for event in replay.read_newer(connection, alice.user_id, last)]
            last = seen[-1] if seen else last
            if all(one.done() for one in written):
                [one.result() for one in written]

    assert seen == list(range(seen[0], want + 1))


def test_a_commit_rings_with_the_name_of_its_user(database, alice) -> None:
    async def scenario() -> list[str]:
        rung: asyncio.Queue[str] = asyncio.Queue()
        listening = asyncio.create_task(hear(database, rung.put_nowait))
        first = await rung.get()  # for everyone: now it listens
        await asyncio.to_thread(alice.submit)
        second = await rung.get()
        listening.cancel()
        return [first, second]

    assert asyncio.run(asyncio.wait_for(scenario(), SECONDS)) == ["", alice.user_id]


def test_a_long_poll_answers_as_soon_as_something_newer_is_committed(database, alice) -> None:
    job = alice.begin()

    async def scenario() -> None:
        hub = Hub(database)
        await hub.start()
        cursor = str(alice.cursor(job.last_number))
        try:
            assert await newer(hub, alice.user_id, job.job_id, None, 0)
            assert await newer(hub, alice.user_id, job.job_id, str(alice.cursor(1)), 0)
            assert not await newer(hub, alice.user_id, job.job_id, cursor, 0)
            waiting = asyncio.create_task(newer(hub, alice.user_id, job.job_id, cursor, SECONDS))
            await asyncio.to_thread(alice.tick, job)
            assert await waiting
        finally:
            await hub.close()

    asyncio.run(asyncio.wait_for(scenario(), SECONDS))


def test_a_long_poll_is_answered_when_the_server_stops(database, alice) -> None:
    job = alice.begin()

    async def scenario() -> None:
        hub = Hub(database)
        await hub.start()
        cursor = str(alice.cursor(job.last_number))
        waiting = asyncio.create_task(newer(hub, alice.user_id, job.job_id, cursor, SECONDS))
        await asyncio.to_thread(alice.submit)
        await hub.close()
        assert not await waiting

    asyncio.run(asyncio.wait_for(scenario(), SECONDS / 2))


def test_the_types_made_for_watchers_are_never_in_the_log(database, alice) -> None:
    job = alice.end(alice.begin(ticks=2))
    open_at(database, of(job), None)

    assert not {event.type for event in alice.events()} & {EventType.SNAPSHOT, EventType.RESET}
