"""Who looks for work is woken by a ring, misses none, and looks now and then without one."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.engine.waking import EAGER_AFTER_NOTICE_SECONDS, SHORTEST_PAUSE_SECONDS, Waking
from headrace.store import migrations
from headrace.store.database import Database
from tests.faults.chaos import until

LONG = 60.0
"""Longer than any test may wait: whoever returns has been woken."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/headrace.db")
    yield made
    made.close()


@pytest.fixture
def waking(database: Database) -> Iterator[Waking]:
    made = Waking(database)
    yield made
    made.close()


@pytest.fixture
def on_postgres(postgres_database: str) -> Iterator[Database]:
    made = Database(postgres_database)
    yield made
    made.close()


@pytest.fixture
def hearing(on_postgres: Database) -> Iterator[Waking]:
    """What hears notices by now."""
    made = Waking(on_postgres)
    calm_down(made)
    yield made
    made.close()


def calm_down(waking: Waking) -> None:
    """Until it hears, and whoever waits does so for as long as they like."""
    until(lambda: waking.hears_others, LONG, "the first notice is heard")
    time.sleep(EAGER_AFTER_NOTICE_SECONDS)


def waiting(waking: Waking, name: str) -> threading.Thread:
    """A thread that ends when it is woken."""
    thread = threading.Thread(target=waking.wait, args=(name, LONG), daemon=True)
    thread.start()
    return thread


def is_woken(thread: threading.Thread) -> bool:
    thread.join(LONG / 2)
    return not thread.is_alive()


def test_the_first_look_is_at_once(waking: Waking) -> None:
    assert is_woken(waiting(waking, "jobs"))


def test_a_ring_wakes_everybody(waking: Waking) -> None:
    for name in ("jobs", "slices"):
        waking.wait(name, LONG)
    threads = [waiting(waking, name) for name in ("jobs", "slices")]

    waking.ring()

    assert all(is_woken(thread) for thread in threads)


def test_a_ring_while_somebody_looks_is_not_missed(waking: Waking) -> None:
    waking.wait("jobs", LONG)
    waking.ring()

    assert is_woken(waiting(waking, "jobs"))


def test_the_bell_of_another_process_is_heard(database: Database, waking: Waking) -> None:
    assert waking.hears_others
    waking.wait("jobs", LONG)
    thread = waiting(waking, "jobs")
    assert database.work_bell is not None

    database.work_bell.ring("")

    assert is_woken(thread)


def test_without_a_ring_the_wait_ends_all_the_same(waking: Waking) -> None:
    waking.wait("jobs", LONG)

    waking.wait("jobs", 0.01)


def test_however_often_it_rings_there_is_a_pause_between_two_looks(waking: Waking) -> None:
    waking.wait("jobs", LONG)
    began = time.monotonic()

    for _ in range(5):
        waking.ring()
        waking.wait("jobs", LONG)

    assert time.monotonic() - began >= 5 * SHORTEST_PAUSE_SECONDS


def test_a_call_from_another_process_is_heard_on_postgres(on_postgres: Database, hearing: Waking) -> None:
    hearing.wait("jobs", LONG)
    thread = waiting(hearing, "jobs")

    on_postgres.call_workers()

    assert is_woken(thread)


def test_what_is_handed_out_on_postgres_calls_once_it_is_committed(on_postgres: Database, hearing: Waking) -> None:
    migrations.upgrade(on_postgres)
    hearing.wait("jobs", LONG)
    thread = waiting(hearing, "jobs")

    with on_postgres.write() as transaction:
        transaction.hands_out = True
        thread.join(0.5)
        assert thread.is_alive()

    assert is_woken(thread)


def test_a_lost_connection_to_postgres_is_made_anew(on_postgres: Database, hearing: Waking) -> None:
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%headrace_work%'"
    with on_postgres.engine.begin() as connection:
        assert connection.execute(sa.text(others)).scalar_one()
    until(lambda: not hearing.hears_others, LONG, "the loss is noticed")

    calm_down(hearing)
    hearing.wait("jobs", LONG)
    thread = waiting(hearing, "jobs")
    on_postgres.call_workers()

    assert is_woken(thread)
