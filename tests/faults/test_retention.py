"""Cleaning takes nothing that is alive, and tells whoever looks for what it took."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from headrace.engine import housekeeping
from headrace.eventlog.replay import Stream, open_stream, read_list
from headrace.model.cursor import Cursor
from headrace.model.document import BlobRange
from headrace.model.errors import JobNotFound
from headrace.model.event import Event
from headrace.model.ids import JobId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType
from headrace.store import jobs, retention
from headrace.store.blobs import BlobWriter
from headrace.store.database import Transaction
from tests.faults import chaos
from tests.faults.forge import USER, Forge, Worker

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

OLD = time.time() - housekeeping.UPLOAD_GRACE_SECONDS - 60
DAYS = 90.0
HOURS = 24.0


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setattr(housekeeping, "WATCH_SECONDS", 0.0)  # by the wall clock alone
    made = Forge(tmp_path)
    yield made
    made.close()


def later(transaction: Transaction, days: float) -> Transaction:
    """The same transaction, so many days from now."""
    return replace(transaction, now=transaction.now + timedelta(days=days))


def prune(forge: Forge, *, days: float = 2, max_jobs: int = 0) -> None:
    with forge.database.write() as transaction:
        retention.prune_events(later(transaction, days), max_age_hours=HOURS, max_jobs=max_jobs)


def forget(forge: Forge) -> None:
    with forge.database.write() as transaction:
        retention.forget_jobs(later(transaction, DAYS + 1), history_days=DAYS)


class Yard:
    """Jobs at all stages, among which a cleaner goes about."""

    def __init__(self, forge: Forge, rng: random.Random) -> None:
        self.forge, self.rng = forge, rng
        self.alive: dict[JobId, Worker | None] = {}
        self.uploads: list[BlobWriter] = []
        self.accepted: list[BlobRange] = []
        self.readers: dict[JobId, Event] = {}
        self.frames = self.resets = 0

    def submit(self) -> None:
        again = self.rng.sample(self.forge.documents, min(1, len(self.forge.documents)))
        self.alive[self.forge.submit(1, again).job_id] = None

    def work(self) -> None:
        for job_id in self.rng.sample(sorted(self.alive), min(1, len(self.alive))):
            worker = self.alive[job_id]
            if worker is None:
                self.alive[job_id] = worker = self.forge.start(job_id, self.forge.job(job_id).run)
                self.forge.claim(worker)
            elif worker.items:
                self._step(worker, self.rng.choice(list(worker.items.values())))
            else:
                self.forge.finish(worker)
                del self.alive[job_id]

    def _step(self, worker: Worker, item: object) -> None:
        if item.stage == "indexing":  # type: ignore[attr-defined]
            self.forge.index(worker, item, 2)  # type: ignore[arg-type]
        elif self.rng.random() < 0.2:
            self.forge.fail(worker, item)  # type: ignore[arg-type]
        else:
            self.forge.read(worker, item, 2)  # type: ignore[arg-type]

    def retry(self) -> None:
        found = self.forge.rows("SELECT job_id FROM job WHERE completed_at IS NOT NULL AND failed_items > 0 LIMIT 1")
        for (job_id,) in found:
            self.forge.move(jobs.retry, JobId(str(job_id)))
            self.alive[JobId(str(job_id))] = None

    def upload(self) -> None:
        """Begin one, write on, or have it accepted; beside it lies what a server that was killed has left."""
        abandoned = self.forge.blobs.create()
        abandoned.write(b"nobody comes back for this")
        left = abandoned.part
        abandoned.seal()
        os.utime(left, (OLD, OLD))
        if len(self.uploads) < 3:
            self.uploads.append(self.forge.blobs.create())
        one = self.rng.choice(self.uploads)
        one.write(b"a page of the book of weirs")
        if self.rng.random() < 0.3 and len(self.alive) < 6:
            self.uploads.remove(one)
            blob = self.forge.blobs.settle([one])[0]
            self.forge.housekeeping.clean()  # named, and no document has it yet
            self.alive[self.forge.submit(1, blob=blob).job_id] = None
            self.accepted.append(blob)

    def read(self) -> None:
        """Somebody reads on in the log of a job, from where they stood: all that came since, or an honest reset."""
        for job_id in self.rng.sample(sorted(self.alive), min(1, len(self.alive))):
            if job_id not in self.readers:
                (first, *_) = self._read(job_id, Cursor(self.forge.database.epoch, 0))
                self.readers[job_id] = first
        for job_id in self.rng.sample(sorted(self.readers), min(1, len(self.readers))):
            stood = self.readers.pop(job_id)
            told = self._read(job_id, Cursor(self.forge.database.epoch, stood.number))
            if told and told[0].type is EventType.RESET:
                is_cut = job_id in self.alive and self.forge.job(job_id).attempt == 1  # a retry may come after it
                assert not is_cut, "the log of a job that is alive was cut"
                self.resets += 1
                continue
            assert [event.sequence for event in told] == list(
                range((stood.sequence or 0) + 1, (stood.sequence or 0) + 1 + len(told))
            )
            self.frames += len(told)
            if told or job_id in self.alive:
                self.readers[job_id] = told[-1] if told else stood

    def _read(self, job_id: JobId, cursor: Cursor) -> list[Event]:
        database = self.forge.database
        with suppress(JobNotFound), database.read() as connection:
            stream = Stream(USER, job_id)
            return read_list(connection, stream, cursor, epoch=database.epoch, now=database.clock())
        assert job_id not in self.alive, "a job that is alive is gone"
        return []

    def clean(self) -> None:
        sweeping = self.forge.housekeeping
        ways = [prune, forget, lambda _: sweeping.sweep(), lambda _: sweeping.clean()]
        self.rng.choice(ways)(self.forge)

    def check(self) -> None:
        """Every job that has not ended has all of its events and items; every document that is served, its chunks."""
        for job_id in self.alive:
            job = self.forge.job(job_id)
            [(events,)] = self.forge.rows("SELECT count(*) FROM event WHERE job_id = :job", job=job_id)
            assert job.attempt > 1 or events == job.sequence
            assert len(self.forge.items(job_id)) == job.total_items
        served = """SELECT document_id FROM document WHERE live_version IS NOT NULL AND chunk_count <>
            (SELECT count(*) FROM chunk WHERE chunk.document_id = document.document_id AND version = live_version)"""
        assert self.forge.rows(served) == []
        kept = """SELECT item.job_id, item.chunk_count FROM item JOIN job USING (job_id)
            WHERE job.completed_at IS NULL AND item.stage = 'indexing' AND item.chunk_count <> (SELECT count(*)
            FROM chunk WHERE chunk.document_id = item.document_id AND chunk.version = item.version)"""
        assert self.forge.rows(kept) == []
        assert all(one.part.stat().st_size == one.size for one in self.uploads)
        assert all(self.forge.blobs.has(one.key) for one in self.accepted)


def test_no_cleaning_takes_anything_from_what_is_alive(forge: Forge) -> None:
    rng, turns = random.Random(chaos.SEED), chaos.pick(300, 10_000)
    yard = Yard(forge, rng)
    for _ in range(turns):
        if len(yard.alive) < 4:
            yard.submit()
        rng.choices([yard.work, yard.clean, yard.retry, yard.upload, yard.read], weights=[6, 3, 1, 2, 3])[0]()
        yard.check()
    forge.housekeeping.clean()
    left = [file for file in forge.blobs.folder.glob("??/*.part") if file.stat().st_mtime <= OLD]
    assert left == []
    for upload in yard.uploads:
        upload.seal()
    chaos.tell(
        "P9",
        f"{turns} interleavings, {len(forge.documents)} documents, {len(yard.accepted)} uploads, {yard.frames} events "
        f"read and {yard.resets} resets of ended jobs: 0 things alive were taken",
    )


def test_a_sweep_that_began_before_a_retry_takes_nothing_from_it(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    job = forge.submit(2)
    worker = forge.start(job.job_id, job.run)
    forge.claim(worker)
    first, second = worker.items.values()
    forge.read(worker, first, 2)
    forge.fail(worker, worker.items[first.ordinal])
    forge.read(worker, second, 2)
    forge.index(worker, worker.items[second.ordinal], 2)
    forge.finish(worker)
    look = retention.leftovers

    def look_then_retry(*arguments: object) -> list[tuple[object, int]]:
        found = look(*arguments)  # type: ignore[arg-type]
        again = forge.move(jobs.retry, job.job_id)
        heir = forge.start(job.job_id, again.run)
        forge.claim(heir)
        forge.read(heir, heir.items[0], 3)
        return found  # type: ignore[return-value]

    monkeypatch.setattr(housekeeping.retention, "leftovers", look_then_retry)
    forge.housekeeping.sweep()
    first = forge.items(job.job_id)[0]
    of_it = {"document": first.document_id, "version": first.version}
    count = "SELECT count(*) FROM chunk WHERE document_id = :document AND version = :version"
    assert forge.rows(count, **of_it) == [(first.chunk_count,)]


def test_a_sweep_takes_nothing_from_a_retry(forge: Forge) -> None:
    job = forge.submit(1)
    worker = forge.start(job.job_id, job.run)
    forge.claim(worker)
    forge.read(worker, worker.items[0], 2)
    forge.fail(worker, worker.items[0])
    forge.finish(worker)
    again = forge.move(jobs.retry, job.job_id)
    heir = forge.start(job.job_id, again.run)
    forge.claim(heir)
    forge.read(heir, heir.items[0], 3)
    forge.housekeeping.sweep()
    forge.index(heir, heir.items[0], 3)
    forge.finish(heir)
    assert forge.visible(forge.items(job.job_id)[0]) == 3


def opened(forge: Forge, job: Job, number: int) -> list[Event]:
    with forge.database.read() as connection:
        opening = open_stream(
            connection,
            Stream(USER, job.job_id),
            Cursor(forge.database.epoch, number),
            epoch=forge.database.epoch,
            now=forge.database.clock(),
        )
    return list(opening.first)


def test_the_watcher_of_a_pruned_job_gets_a_reset_the_snapshot_and_the_end(forge: Forge) -> None:
    job = forge.complete(forge.submit(1))
    prune(forge)
    told = [event.type for event in opened(forge, job, job.last_number - 3)]
    assert told == [EventType.RESET, EventType.SNAPSHOT, EventType.JOB_COMPLETED]


def test_the_newest_jobs_keep_their_events_however_old_they_are(forge: Forge) -> None:
    done = [forge.complete(forge.submit(1)) for _ in range(3)]
    prune(forge, days=365, max_jobs=2)
    left = [forge.rows("SELECT count(*) FROM event WHERE job_id = :job", job=job.job_id)[0][0] for job in done]
    assert left == [1, done[1].sequence, done[2].sequence]


def test_blobs_of_living_documents_stay_and_those_of_nobody_go_after_their_grace(forge: Forge) -> None:
    forge.submit(1)
    [(living,)] = forge.rows("SELECT blob_key FROM document")
    old = time.time() - housekeeping.UPLOAD_GRACE_SECONDS - 60
    names = {"living": str(living), "orphan": f"{'0' * 32}-orphan-aa", "unfinished": f"{'0' * 32}-upload-bb.part"}
    for age in ("old", "young"):
        for kind, name in names.items():
            key = name if kind == "living" else f"{age}-{name}"
            file = forge.blobs.folder / key.removesuffix(".part")[-2:] / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"bytes")
            if age == "old":
                os.utime(file, (old, old))
    forge.housekeeping.clean()
    left = {file.name for file in forge.blobs.folder.glob("??/*")}
    assert left == {names["living"], f"young-{names['orphan']}", f"young-{names['unfinished']}"}


def test_a_cancel_brings_back_the_older_version_however_often_it_was_swept_in_between(forge: Forge) -> None:
    older = forge.complete(forge.submit(1))
    job = forge.submit(1, again=forge.documents[:1])
    worker = forge.start(job.job_id, job.run)
    forge.claim(worker)
    again = next(one for one in worker.items.values() if one.document_id == forge.documents[0])
    forge.read(worker, again, 3)
    forge.index(worker, worker.items[again.ordinal], 3)
    forge.housekeeping.sweep()
    forge.move(jobs.cancel, job.job_id)
    forge.housekeeping.sweep()
    assert forge.visible(forge.items(older.job_id)[0]) == 2


def test_nothing_is_left_of_a_retry_that_was_cancelled_at_once(forge: Forge) -> None:
    job = forge.submit(1)
    worker = forge.start(job.job_id, job.run)
    forge.claim(worker)
    forge.read(worker, worker.items[0], 2)
    forge.fail(worker, worker.items[0])
    forge.finish(worker)
    forge.move(jobs.retry, job.job_id)
    forge.move(jobs.cancel, job.job_id)
    forge.housekeeping.sweep()
    assert forge.rows("SELECT * FROM chunk") == []
