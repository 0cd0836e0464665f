"""On SQLite one worker at a time has the database; the next one waits for it to end."""

import threading
from pathlib import Path

from headrace.engine.worker import EMBEDDED_EXECUTOR, _alone
from headrace.settings import Settings

SECONDS = 20.0


def test_a_second_worker_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    settings, never, entered, left = (
        Settings(data_dir=tmp_path),
        threading.Event(),
        threading.Event(),
        threading.Event(),
    )

    def be_second() -> None:
        with _alone(settings, never) as executor:
            assert executor == EMBEDDED_EXECUTOR
            assert left.is_set()
            entered.set()

    second = threading.Thread(target=be_second)
    with _alone(settings, never):
        second.start()
        assert not entered.wait(0.5)
        left.set()

    assert entered.wait(SECONDS)
    second.join(SECONDS)


def test_a_worker_that_is_told_to_stop_does_not_wait(tmp_path: Path) -> None:
    settings, stopping = Settings(data_dir=tmp_path), threading.Event()
    stopping.set()

    with _alone(settings, threading.Event()), _alone(settings, stopping) as executor:
        assert executor == EMBEDDED_EXECUTOR


def test_workers_on_postgres_each_have_a_name_of_their_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://nowhere/db")

    with _alone(settings, threading.Event()) as one, _alone(settings, threading.Event()) as other:
        assert one != other

    assert list(tmp_path.iterdir()) == []
