"""Who looks for work is woken by a ring, misses none, and looks now and then without one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.engine.waking import Waking
from headrace.store.database import Database

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
