"""What is cleared away, and what silence does to a task, by a clock that only goes forward."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from headrace.engine import housekeeping
from headrace.engine.housekeeping import UPLOAD_GRACE_SECONDS, WATCH_SECONDS, Housekeeping
from headrace.model.ids import JobId
from headrace.model.job import Job
from headrace.settings import Settings
from headrace.store import documents, tasks
from headrace.store.blobs import Blobs
from headrace.store.schema import document
from headrace.store.tasks import Task
from tests.faults.forge import USER, Forge

YEAR = 365 * 86_400.0


class Watch:
    """A monotonic clock that stands still until it is moved on, and a clock on the wall that may be wrong."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wrong_by = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return time.time() + self.wrong_by


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(housekeeping, "time", SimpleNamespace(monotonic=made.monotonic, time=made.time))
    return made


def begin(forge: Forge, seconds: float = 5.0) -> Job:
    with forge.database.write() as transaction:
        return tasks.begin(transaction, USER, Task(title="Reindex", lease_seconds=seconds))


def say(forge: Forge, job_id: JobId) -> None:
    with forge.database.write() as transaction:
        tasks.advance(transaction, job_id, count=0, total=None, message=None, interval=0.05)


def test_a_task_of_which_nothing_is_heard_for_its_lease_has_failed(forge: Forge, watch: Watch) -> None:
    silent, heard = begin(forge), begin(forge)
    for _ in range(4):
        forge.housekeeping.look_after_tasks()
        watch.now += 2
        say(forge, heard.job_id)
    forge.housekeeping.look_after_tasks()

    ended = forge.job(silent.job_id)
    assert (ended.status, ended.error_message) == ("failed", "nothing was heard of this task for 5 s")
    assert forge.job(heard.job_id).status == "running"


def test_steps_that_came_too_soon_to_be_told_are_told_by_the_next_look_and_once(forge: Forge, watch: Watch) -> None:
    task = begin(forge)
    for number in (1, 2):
        with forge.database.write() as transaction:
            tasks.advance(transaction, task.job_id, count=1, total=4, message=f"step {number}", interval=60.0)
    untold = forge.job(task.job_id)

    for _ in range(2):
        forge.housekeeping.look_after_tasks()
        say(forge, task.job_id)
        watch.now += 1

    told = [json.loads(body) for (body,) in forge.rows("SELECT body FROM event ORDER BY number") if "step" in body]
    assert (untold.processed_items, untold.sequence) == (2, 3)
    assert [(one["processed_items"], one["message"]) for one in told] == [(1, "step 1"), (2, "step 2")]
    assert forge.job(task.job_id).sequence == 4


def test_silence_counts_from_when_somebody_listens(forge: Forge, watch: Watch) -> None:
    task = begin(forge)
    watch.now += 1000

    forge.housekeeping.look_after_tasks()

    assert forge.job(task.job_id).status == "running"


def test_a_wall_clock_that_jumps_ends_no_task(forge: Forge, watch: Watch) -> None:
    task = begin(forge)
    forge.housekeeping.look_after_tasks()
    now = forge.database.clock()
    forge.database.clock = lambda: now.replace(year=now.year + 1)

    watch.now += 4
    forge.housekeeping.look_after_tasks()

    assert forge.job(task.job_id).status == "running"


def test_a_task_that_ends_in_the_meantime_keeps_its_end(forge: Forge, watch: Watch) -> None:
    task = begin(forge)
    forge.housekeeping.look_after_tasks()
    with forge.database.write() as transaction:
        tasks.finish(transaction, task.job_id, error=None, message=None)
    watch.now += 100

    forge.housekeeping.look_after_tasks()

    assert forge.job(task.job_id).status == "completed"


def test_deleted_documents_go_with_their_chunks_and_nothing_else_does(forge: Forge) -> None:
    kept, gone = (forge.complete(forge.submit()) for _ in range(2))
    deleted = forge.items(gone.job_id)[0].document_id
    with forge.database.write() as transaction:
        documents.hide(transaction, document.c.document_id == deleted)

    forge.housekeeping.sweep()

    left = forge.items(kept.job_id)[0]
    assert forge.rows("SELECT document_id FROM document") == [(left.document_id,)]
    assert forge.rows("SELECT DISTINCT document_id FROM chunk") == [(left.document_id,)]
    assert forge.visible(left) == 2


def test_a_sweep_drops_a_version_in_portions(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "CHUNKS_AT_ONCE", 3)
    job = forge.complete(forge.submit(), chunks=8)
    forge.complete(forge.submit(new=0, again=[forge.items(job.job_id)[0].document_id]), chunks=1)

    forge.housekeeping.sweep()

    assert forge.rows("SELECT version, count(*) FROM chunk GROUP BY version") == [(2, 1)]


def test_bytes_without_a_document_go_after_the_time_that_an_upload_may_take(
    tmp_path: Path, forge: Forge, watch: Watch
) -> None:
    blobs = Blobs(tmp_path / "bytes")
    with blobs.create() as old, blobs.create() as young, blobs.create() as used:
        blobs.settle([old, young, used])
    forge.submit()
    with forge.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE document SET blob_key = ?", (used.key,))
    for one in (old, used):
        long_ago = time.time() - UPLOAD_GRACE_SECONDS - 60
        os.utime(blobs.path(one.key), (long_ago, long_ago))

    cleaning = Housekeeping(forge.database, blobs, Settings(data_dir=tmp_path))
    cleaning.clean()
    assert {key for key, _ in blobs.finished()} == {old.key, young.key, used.key}
    watch.now += WATCH_SECONDS
    cleaning.clean()

    assert {key for key, _ in blobs.finished()} == {young.key, used.key}


@pytest.mark.parametrize("wrong_by", [-YEAR, YEAR])
def test_an_upload_is_not_taken_for_an_old_one_by_a_clock_that_jumps(
    tmp_path: Path, forge: Forge, watch: Watch, wrong_by: float
) -> None:
    """Forward, it makes all that is there old; back, what comes before it is set right again."""
    blobs = Blobs(tmp_path / "bytes")
    cleaning = Housekeeping(forge.database, blobs, Settings(data_dir=tmp_path))
    with blobs.create() as coming, blobs.create() as named:
        blobs.settle([named])
        for file in (coming.part, blobs.path(named.key)):
            os.utime(file, (time.time() + min(0.0, wrong_by),) * 2)
        watch.wrong_by = max(0.0, wrong_by)
        cleaning.clean()
        watch.now += WATCH_SECONDS - 1
        cleaning.clean()
        assert coming.part.exists()
        assert blobs.has(named.key)

        coming.write(b"more of it")
        assert coming.part.exists()
        watch.now += 1
        cleaning.clean()
        assert coming.part.exists()  # it was written to
        assert not blobs.has(named.key)
        watch.wrong_by = YEAR
        watch.now += WATCH_SECONDS
        cleaning.clean()
        assert list(blobs.unfinished()) == []


def test_a_cleaning_takes_as_many_portions_as_there_are(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping.retention, "PORTION", 2)
    for _ in range(5):
        forge.complete(forge.submit())
    now = forge.database.clock()
    forge.database.clock = lambda: now.replace(year=now.year + 1)

    forge.housekeeping.clean()

    assert forge.rows("SELECT count(*) FROM job") == [(0,)]
    assert forge.rows("SELECT count(*) FROM event WHERE job_id IS NOT NULL") == [(0,)]
    assert forge.rows("SELECT count(*) FROM document WHERE live_version = 1") == [(5,)]
