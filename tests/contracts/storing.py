"""A database that is emptied for each test, and what a test of the store does in it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.engine.housekeeping import Housekeeping
from headrace.model.document import BlobRange, Document, Workspace
from headrace.model.ids import LOCAL_USER, BlobKey, DocumentId, UserId, new_id
from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus, JobType
from headrace.settings import Settings
from headrace.store import documents, jobs, work, workspaces
from headrace.store.blobs import Blobs
from headrace.store.database import Database, Transaction
from headrace.store.schema import document, event, job, metadata
from tests.faults.forge import Forge

KEPT = {"installation"}


def empty(database: Database) -> None:
    """Forget everything but what the database is called."""
    tables = [table.name for table in reversed(metadata.sorted_tables) if table.name not in KEPT]
    with database.write() as transaction:
        run = transaction.connection.exec_driver_sql
        if not database.is_sqlite:
            run(f"TRUNCATE {', '.join(tables)} CASCADE")
            return
        for name in tables:
            run(f"DELETE FROM {name}")
        run("INSERT INTO chunk_fts(chunk_fts) VALUES ('rebuild')")


class Store(Forge):
    """The verbs of owners and workers on either database; `user` owns what they make."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.blobs = Blobs(folder / "blobs")
        self.housekeeping = Housekeeping(database, self.blobs, Settings(data_dir=folder))
        self.documents: list[DocumentId] = []
        self.workspace = self.make_workspace("default")

    def make_workspace(self, name: str, user: UserId = LOCAL_USER) -> Workspace:
        with self.database.write() as transaction:
            return workspaces.make(transaction, user, name, {})

    def new_document(self, transaction: Transaction, workspace: Workspace) -> Document:
        return Document(
            document_id=DocumentId(new_id()),
            user_id=workspace.user_id,
            workspace_id=workspace.workspace_id,
            filename="notes.txt",
            content_type="text/plain",
            blob=BlobRange(key=BlobKey(new_id()), size=2000),
            sha256="0" * 64,
            created_at=transaction.now,
            updated_at=transaction.now,
        )

    def send(self, workspace: Workspace | None = None, count: int = 1, **asked: Any) -> Job:
        """A job on new documents of a workspace."""
        place = workspace or self.workspace
        with self.database.write() as transaction:
            new = [self.new_document(transaction, place) for _ in range(count)]
            documents.add(transaction, new)
            return jobs.submit(transaction, submission(place, new, **asked))

    def document(self, document_id: str, user: UserId = LOCAL_USER) -> Document:
        with self.database.read() as connection:
            return documents.get(connection, user, document_id)

    def documents_of(self, workspace: Workspace) -> dict[str, int | None]:
        """The live version of each document that is not deleted."""
        statement = sa.select(document.c.document_id, document.c.live_version).where(
            document.c.workspace_id == workspace.workspace_id, document.c.deleted_at.is_(None)
        )
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def work_off(self, sent: Job, *, failing: Sequence[int] = ()) -> Job:
        """A job to its end; the documents with those ordinals fail."""
        worker = self.start(sent.job_id, sent.run)
        self.claim(worker)
        for item in list(worker.items.values()):
            if item.ordinal in failing:
                self.fail(worker, item)
            else:
                self.read(worker, item, 2)
                self.index(worker, worker.items[item.ordinal], 2)
        return self.finish(worker)

    def bring_to(self, status: JobStatus) -> Job:
        """A job of two documents that stands there; one of them has failed where it has ended."""
        sent = self.send(count=2)
        if status is JobStatus.PENDING:
            return sent
        if status is JobStatus.COMPLETED:
            return self.work_off(sent, failing=[0])
        if status is JobStatus.CANCELLED:
            return self.move(jobs.cancel, sent.job_id)
        if status is JobStatus.PAUSED:
            return self.move(jobs.pause, sent.job_id)
        worker = self.start(sent.job_id, sent.run)
        if status is JobStatus.FAILED:
            with self.database.write() as transaction:
                work.fail(transaction, sent.job_id, worker.run, "no room")
        return self.job(sent.job_id)

    def end(self, sent: Job, ended_at: Any) -> None:
        """Let a job be one that has ended at that time."""
        with self.database.write() as transaction:
            values = {"status": JobStatus.COMPLETED, "stage": "completed", "progress": 1.0, "completed_at": ended_at}
            transaction.execute(sa.update(job).where(job.c.job_id == sent.job_id).values(values))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, to see that nothing was written."""
        with self.database.read() as connection:
            return {
                table.name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(table)))
                for table in metadata.sorted_tables
            }

    def told(self, job_id: str | None = None, user: UserId = LOCAL_USER) -> list[tuple[int, int | None, str]]:
        """Number, number in the job, and type of each event."""
        statement = sa.select(event.c.number, event.c.sequence, event.c.type).filter_by(user_id=user)
        if job_id is not None:
            statement = statement.filter_by(job_id=job_id)
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(statement.order_by(event.c.number))]  # type: ignore[misc]


def submission(place: Workspace, new: Sequence[Document], **asked: Any) -> jobs.Submission:
    values: dict[str, Any] = {
        "user_id": place.user_id,
        "workspace_id": place.workspace_id,
        "job_type": JobType.FILE,
        "documents": new,
    }
    return jobs.Submission(**values | asked)


def at(transaction: Transaction, moment: Any) -> Transaction:
    """The same transaction at another time."""
    return replace(transaction, now=moment)
