"""Jobs worked on by hand, through the store alone: each step of a worker is a call, and any worker may be a zombie."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from headrace.engine.housekeeping import Housekeeping
from headrace.model.document import BlobRange, Chunk, Document
from headrace.model.errors import DocumentError
from headrace.model.ids import BlobKey, DocumentId, JobId, UserId, new_id
from headrace.model.job import Item, Job
from headrace.model.progress import item_work
from headrace.model.vocabulary import JobType, Stage
from headrace.search import index
from headrace.settings import Settings
from headrace.store import documents, jobs, work, workspaces
from headrace.store.blobs import Blobs
from headrace.store.database import Clock, Database, utc_now
from headrace.store.migrations import upgrade

USER = UserId("local")
MAX_DEATHS = 3
CORRUPT = DocumentError("corrupt", "it cannot be read")


@cache
def _template() -> TemporaryDirectory[str]:
    """An empty, current database, made once: files are quicker to copy than to migrate."""
    folder = TemporaryDirectory()
    database = Database(f"sqlite:///{folder.name}/headrace.db")
    upgrade(database)
    database.close()
    return folder


def template() -> Path:
    """The folder of an empty, current database `headrace.db`."""
    return Path(_template().name)


@dataclass(slots=True)
class Worker:
    """What one worker believes: the run of a job that it was given, and the items that it has taken up."""

    job_id: JobId
    run: int
    items: dict[int, Item] = field(default_factory=dict)


class Forge:
    """A database in `folder`, the verbs of a job's owner, and those of its workers."""

    def __init__(self, folder: Path, clock: Clock = utc_now) -> None:
        shutil.copy(Path(_template().name) / "headrace.db", folder / "headrace.db")
        self.database = Database(f"sqlite:///{folder / 'headrace.db'}", clock=clock)
        self.blobs = Blobs(folder / "blobs")
        self.housekeeping = Housekeeping(self.database, self.blobs, Settings(data_dir=folder))
        self.documents: list[DocumentId] = []
        with self.database.write() as transaction:
            self.workspace = workspaces.make(transaction, USER, "default", {})

    def close(self) -> None:
        self.database.close()

    def job(self, job_id: str) -> Job:
        with self.database.read() as connection:
            return jobs.get(connection, USER, job_id)

    def items(self, job_id: JobId) -> list[Item]:
        with self.database.read() as connection:
            return jobs.items(connection, job_id)

    def submit(self, new: int = 1, again: Sequence[DocumentId] = (), blob: BlobRange | None = None) -> Job:
        """A job on some new documents, which share their bytes if there are any, and on some that are there already."""
        with self.database.write() as transaction:
            made = [self._document(transaction.now) for _ in range(new)]
            made = [one if blob is None else replace(one, blob=blob) for one in made]
            documents.add(transaction, made)
            old = documents.get_many(transaction.connection, again)
            submission = jobs.Submission(
                user_id=USER,
                workspace_id=self.workspace.workspace_id,
                job_type=JobType.FILE,
                documents=[*made, *old.values()],
            )
            self.documents += [one.document_id for one in made]
            return jobs.submit(transaction, submission)

    def _document(self, now: datetime) -> Document:
        return Document(
            document_id=DocumentId(new_id()),
            user_id=USER,
            workspace_id=self.workspace.workspace_id,
            filename="notes.txt",
            content_type="text/plain",
            blob=BlobRange(key=BlobKey(new_id()), size=2000),
            sha256="0" * 64,
            created_at=now,
            updated_at=now,
        )

    def move(self, verb: Callable[..., Job], job_id: JobId) -> Job:
        """One of `jobs.cancel`, `pause`, `resume`, `retry`."""
        with self.database.write() as transaction:
            return verb(transaction, job_id)

    def start(self, job_id: JobId, run: int) -> Worker:
        with self.database.write() as transaction:
            work.start(transaction, job_id, run)
        return Worker(job_id, run)

    @contextmanager
    def hand(self, worker: Worker | Job) -> Iterator[work.Hand]:
        """A transaction with the worker's run of a job in hand."""
        with self.database.write() as transaction, work.working(transaction, worker.job_id, worker.run) as hand:
            yield hand

    def claim(self, worker: Worker) -> None:
        """Take up all that is unfinished."""
        with self.hand(worker) as hand:
            begun = work.take_up(hand, work.claim(hand), MAX_DEATHS)
        worker.items = {one.ordinal: one for one in begun}

    def read(self, worker: Worker, before: Item, count: int) -> None:
        """Save `count` chunks of an item."""
        after = replace(
            before,
            stage=Stage.INDEXING,
            sections_done=before.sections_done + 1,
            chunk_count=before.chunk_count + count,
            work_done=max(before.work_done, item_work(before.work_total, Stage.INDEXING)),
        )
        same = {"document_id": before.document_id, "version": before.version}
        with self.hand(worker) as hand:
            if not before.sections_done:
                index.drop_version(hand.transaction, **same, limit=None)
            made = [_chunk(before.chunk_count + number) for number in range(count)]
            workspace_id = self.workspace.workspace_id
            index.save_chunks(hand.transaction, **same, workspace_id=workspace_id, chunks=made)
            hand.move(before, after)
        worker.items[before.ordinal] = replace(after, deaths=0)

    def index(self, worker: Worker, before: Item, most: int) -> None:
        """Index up to `most` chunks of an item; with the last of them it is complete."""
        with self.database.read() as connection:
            found = index.unindexed(
                connection, document_id=before.document_id, version=before.version, limit=max(1, most)
            )
        indexed = before.chunks_indexed + len(found)
        share = indexed / max(1, before.chunk_count)
        after = replace(before, chunks_indexed=indexed, work_done=item_work(before.work_total, Stage.INDEXING, share))
        with self.hand(worker) as hand:
            rows = [index.IndexedChunk(chunk_id=one.chunk_id, text=one.text, vector=None) for one in found]
            index.index_chunks(hand.transaction, rows)
            hand.move(before, after)
            if indexed >= before.chunk_count:
                hand.complete(after)
        worker.items[before.ordinal] = replace(after, deaths=0)
        if indexed >= before.chunk_count:
            del worker.items[before.ordinal]

    def fail(self, worker: Worker, before: Item) -> None:
        with self.hand(worker) as hand:
            hand.fail(before, CORRUPT)
        del worker.items[before.ordinal]

    def finish(self, worker: Worker) -> Job:
        with self.database.write() as transaction:
            return work.finish(transaction, worker.job_id, worker.run)

    def complete(self, job: Job, chunks: int = 2) -> Job:
        """Run a job to its good end."""
        worker = self.start(job.job_id, job.run)
        self.claim(worker)
        for item in list(worker.items.values()):
            self.read(worker, item, chunks)
            self.index(worker, worker.items[item.ordinal], chunks)
        return self.finish(worker)

    def visible(self, version_of: Item) -> int:
        """How many chunks of the version that an item has made can be found."""
        statement = sa.text("""SELECT count(*) FROM chunk JOIN document USING (document_id)
            WHERE document_id = :document AND version = :version AND version = live_version""")
        values = {"document": version_of.document_id, "version": version_of.version}
        with self.database.read() as connection:
            return int(connection.execute(statement, values).scalar_one())

    def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), values)]


def _chunk(ordinal: int) -> Chunk:
    return Chunk(ordinal=ordinal, text=f"passage {ordinal}", start=ordinal * 10, end=ordinal * 10 + 9)


class WildClock:
    """A wall clock that jumps by up to a year, either way."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def __call__(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(year=now.year + self._rng.choice((-1, 0, 0, 1)), day=min(now.day, 28))
