"""Who writes next to a SQLite file: what somebody waits for goes first, and keeps nobody from writing for ever."""

import fcntl
import threading
import time
from pathlib import Path

import pytest

from headrace.store import database as under_test
from headrace.store.database import Database

SECONDS = 20.0


class Writer(threading.Thread):
    """Writes once, and notes in `order` when it was its turn."""

    def __init__(self, database: Database, order: list[str], name: str, *, durable: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._database, self._order, self._durable = database, order, durable
        self.start()

    def run(self) -> None:
        with self._database.write(durable=self._durable):
            self._order.append(self.name)


def wait_until_someone_urgent_waits(file: Path) -> None:
    deadline = time.monotonic() + SECONDS
    with file.with_name(f"{file.name}-urgent").open("a") as urgent:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(urgent, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(urgent, fcntl.LOCK_UN)
            time.sleep(0.001)
    pytest.fail("nobody urgent waits")


def test_what_has_to_be_durable_passes_those_who_waited_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.file is not None
    monkeypatch.setattr(under_test, "POLITE_SECONDS", SECONDS)
    order: list[str] = []
    with database.write():
        others = [Writer(database, order, f"worker {number}", durable=False) for number in range(3)]
        urgent = Writer(database, order, "request", durable=True)
        wait_until_someone_urgent_waits(database.file)
    for thread in (urgent, *others):
        thread.join(SECONDS)

    assert order[0] == "request"
    assert sorted(order[1:]) == ["worker 0", "worker 1", "worker 2"]


def test_a_worker_is_not_kept_from_writing_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.file is not None
    monkeypatch.setattr(under_test, "POLITE_SECONDS", 0.1)
    order: list[str] = []
    with database.file.with_name(f"{database.file.name}-urgent").open("a") as urgent:
        fcntl.flock(urgent, fcntl.LOCK_SH)  # one request after the other
        Writer(database, order, "worker", durable=False).join(SECONDS)

    assert order == ["worker"]
