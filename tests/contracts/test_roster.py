"""Who works, as people see it: on SQLite and on Postgres alike."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from headrace.model.ids import LOCAL_USER, JobId, UserId
from headrace.server.workers import view
from headrace.store import migrations, roster
from headrace.store.database import Database
from headrace.store.roster import SILENT_SECONDS, Worker
from tests.contracts.storing import Store, at
from tests.contracts.test_log import new_postgres

EVE = UserId("eve")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("roster")
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'headrace.db'}"
        if request.param == "postgres":
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        database = Database(url)
        migrations.upgrade(database)
        stack.callback(database.close)
        yield Store(database, folder)


def worker(name: str, *job_ids: JobId) -> Worker:
    return Worker(
        worker_id=name, host="mill", pid=7, version="1", capacity=2, tags=["gpu"], is_draining=False, job_ids=job_ids
    )


def listed(store: Store) -> list[str]:
    with store.database.read() as connection:
        return [one["worker_id"] for one in roster.select(connection, store.database.clock())]


def test_a_worker_is_listed_until_it_takes_leave(store: Store) -> None:
    for _ in range(2):
        with store.database.write() as transaction:
            roster.note(transaction, worker("one"))
    assert listed(store) == ["one"]

    with store.database.write() as transaction:
        roster.forget(transaction, "one")

    assert listed(store) == []


def test_a_worker_of_whom_nothing_is_heard_is_listed_no_more(store: Store) -> None:
    with store.database.write() as transaction:
        long_ago = transaction.now - timedelta(seconds=SILENT_SECONDS + 1)
        roster.note(at(transaction, long_ago), worker("silent"))

    assert listed(store) == []


def test_a_user_sees_which_of_the_jobs_in_hand_are_their_own_and_how_many_there_are(store: Store) -> None:
    mine = store.send()
    theirs = store.send(store.make_workspace("hers", EVE))
    with store.database.write() as transaction:
        roster.note(transaction, worker("two", mine.job_id, theirs.job_id))
    with store.database.read() as connection:
        (row,) = roster.select(connection, store.database.clock())
        own = {user: roster.own_jobs(connection, user, row["job_ids"]) for user in (LOCAL_USER, EVE, UserId("x"))}

    shown = {user: view(row, jobs, is_shown=False) for user, jobs in own.items()}

    assert [one["job_ids"] for one in shown.values()] == [[mine.job_id], [theirs.job_id], []]
    assert {one["job_count"] for one in shown.values()} == {2}
    assert {(one["host"], one["pid"]) for one in shown.values()} == {(None, None)}
    assert view(row, set(), is_shown=True)["host"] == "mill"
    assert view(row | {"is_draining": True}, set(), is_shown=True)["status"] == "draining"
