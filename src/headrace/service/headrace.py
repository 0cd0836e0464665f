"""The product without its wires: what a server, a command or an application can do with jobs and documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.engine.dispatch import Dispatcher
from headrace.eventlog.replay import Stream, read_list
from headrace.model.cursor import Cursor
from headrace.model.document import Document, Hit, Workspace
from headrace.model.errors import InvalidField, QueueFull
from headrace.model.event import Event
from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId, new_id
from headrace.model.job import Item, Job
from headrace.model.vocabulary import JobStatus, JobType, ProcessingStatus
from headrace.pipeline.embed import Embedder
from headrace.search import index
from headrace.search.query import Query, Searcher, SearchMode
from headrace.service.intake import Arrived, Intake, Request
from headrace.settings import Settings
from headrace.store import documents, jobs
from headrace.store.blobs import Blobs
from headrace.store.database import Database, Transaction

FOLLOWED_BY_EMBEDDING = (SearchMode.HYBRID, SearchMode.VECTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the index. `workspace` is a name or an id; `filters` are on metadata fields."""

    text: str
    mode: SearchMode = SearchMode.HYBRID
    top_k: int = 10
    workspace: str | None = None
    document_ids: Sequence[DocumentId] | None = None
    filters: Mapping[str, Any] | None = None


class Headrace:
    """Every verb takes the user on whose behalf it is called; what is not theirs does not exist for them.

    The methods are synchronous and may block for a database write: call them from a thread.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        dispatcher: Dispatcher,
        embedder: Embedder,
    ) -> None:
        self.settings = settings
        self.database = database
        self.blobs = blobs
        self._dispatcher = dispatcher
        self._embedder = embedder
        self._searcher = Searcher(database)

    def intake(self) -> Intake:
        """Start to take the documents of one request in."""
        return Intake(self.blobs, self.settings)

    def check_room(self) -> None:
        """Refuse early what could not be accepted.

        Raises:
            QueueFull: too many jobs wait already.
            DiskLow: less disk is free than the operator wants to keep.
        """
        self.blobs.check_space()
        with self.database.read() as connection:
            waiting = jobs.count_pending(connection)
        if waiting >= self.settings.max_pending_jobs:
            raise QueueFull(f"{waiting} jobs wait already; try again later")

    def submit(self, user_id: UserId, request: Request, intake: Intake) -> Job:
        """Accept what the intake holds. When this returns, nothing of it can be lost any more.

        A repeat of the same `Idempotency-Key` and body gives the job that was made the first time.

        Raises:
            InvalidField: there is no document.
            KeyReused: the key came with another body.
        """
        if not len(intake):
            raise InvalidField.single("documents", "must not be empty: send a text or a file")
        intake.check_metadata(request.metadata)
        fingerprint = intake.fingerprint(request) if request.idempotency_key else None
        if (earlier := self._find_repeat(user_id, request.idempotency_key, fingerprint)) is not None:
            return earlier
        arrived = intake.settle()
        with self.database.write(durable=True) as transaction:
            # Another request with the same key may have won since the look above.
            if request.idempotency_key and fingerprint:
                repeat = jobs.find_repeat(transaction.connection, user_id, request.idempotency_key, fingerprint)
                if repeat is not None:
                    return repeat
            workspace = self._workspace(transaction, user_id, request.workspace)
            new = [_document(transaction, user_id, workspace, one) for one in arrived]
            documents.add(transaction, new)
            submission = jobs.Submission(
                user_id=user_id,
                workspace=workspace,
                job_type=request.job_type,
                documents=new,
                metadata=request.metadata,
                message=request.message,
                idempotency_key=request.idempotency_key,
                request_hash=fingerprint,
            )
            return self._hand_out(transaction, jobs.submit(transaction, submission))

    def ingest_again(self, user_id: UserId, document_id: str) -> Job:
        """Start a new job on a document that is there already; its live version is served until the swap."""
        with self.database.write(durable=True) as transaction:
            document = documents.get(transaction.connection, user_id, document_id)
            workspace = documents.get_workspace(transaction.connection, user_id, document.workspace_id)
            submission = jobs.Submission(
                user_id=user_id, workspace=workspace, job_type=JobType.RESOURCE, documents=[document]
            )
            return self._hand_out(transaction, jobs.submit(transaction, submission))

    def get(self, user_id: UserId, job_id: str) -> Job:
        """One job, with what it waits for.

        Raises:
            JobNotFound: there is none, or it is someone else's.
        """
        with self.database.read() as connection:
            job = jobs.get(connection, user_id, job_id)
            if job.status is not JobStatus.PENDING:
                return job
            return replace(job, waiting_for=_place(jobs.count_ahead(connection, job)))

    def list_jobs(self, user_id: UserId, *, status: JobStatus | None, limit: int, before: str | None) -> list[Job]:
        """A page of jobs, newest first, from the one after `before` on."""
        with self.database.read() as connection:
            return jobs.select_page(connection, user_id, status=status, limit=limit, before=before)

    def count_jobs(self, user_id: UserId) -> dict[str, int]:
        """Jobs by status, and the chunks that they made."""
        with self.database.read() as connection:
            return jobs.count(connection, user_id)

    def list_items(self, user_id: UserId, job_id: str, *, after: int | None, limit: int) -> list[Item]:
        """A page of a job's documents, in their order in the job."""
        with self.database.read() as connection:
            job = jobs.get(connection, user_id, job_id)
            return jobs.items(connection, job.job_id, after=after, limit=limit)

    def list_events(self, user_id: UserId, job_id: str, cursor: Cursor | None, *, limit: int) -> list[Event]:
        """A page of a job's events, from the one after `cursor` on."""
        now, epoch = self.database.clock(), self.database.epoch
        with self.database.read() as connection:
            return read_list(connection, Stream(user_id, JobId(job_id)), cursor, epoch=epoch, now=now, limit=limit)

    def cancel(self, user_id: UserId, job_id: str) -> Job:
        """End a job now.

        Raises:
            WrongState: it has ended already.
        """
        with self.database.write(durable=True) as transaction:
            return jobs.cancel(transaction, self._own(transaction, user_id, job_id))

    def pause(self, user_id: UserId, job_id: str) -> Job:
        """Let a job rest; it keeps what it has."""
        with self.database.write(durable=True) as transaction:
            return jobs.pause(transaction, self._own(transaction, user_id, job_id))

    def resume(self, user_id: UserId, job_id: str) -> Job:
        """Put a paused job back in line."""
        with self.database.write(durable=True) as transaction:
            job = jobs.resume(transaction, self._own(transaction, user_id, job_id))
            return self._hand_out(transaction, job)

    def retry(self, user_id: UserId, job_id: str) -> Job:
        """Try again what failed in a job that has ended."""
        with self.database.write(durable=True) as transaction:
            job = jobs.retry(transaction, self._own(transaction, user_id, job_id))
            return self._hand_out(transaction, job)

    def get_document(self, user_id: UserId, document_id: str) -> Document:
        """One document."""
        with self.database.read() as connection:
            return documents.get(connection, user_id, document_id)

    def list_documents(
        self,
        user_id: UserId,
        *,
        limit: int,
        before: str | None,
        workspace: str | None = None,
        status: ProcessingStatus | None = None,
    ) -> list[Document]:
        """A page of documents, newest first, from the one after `before` on."""
        with self.database.read() as connection:
            workspace_id = self._find_workspace(connection, user_id, workspace)
            return documents.select_page(
                connection, user_id, limit=limit, before=before, workspace_id=workspace_id, status=status
            )

    def delete_document(self, user_id: UserId, document_id: str) -> None:
        """Forget a document: it is not found from now on, and its bytes go with the next cleaning."""
        with self.database.write(durable=True) as transaction:
            document = documents.get(transaction.connection, user_id, document_id)
            index.drop_document(transaction, document.document_id)
            documents.delete(transaction, document.document_id)
            documents.touch_index(transaction, document.workspace_id)

    def list_workspaces(self, user_id: UserId, *, limit: int, before: str | None) -> list[Workspace]:
        """A page of workspaces, newest first."""
        with self.database.read() as connection:
            return documents.select_workspaces(connection, user_id, limit=limit, before=before)

    def query(self, user_id: UserId, question: Question) -> list[Hit]:
        """The passages that answer best.

        Raises:
            WorkspaceNotFound: the workspace does not exist, or is someone else's.
        """
        with self.database.read() as connection:
            workspace_id = self._find_workspace(connection, user_id, question.workspace)
        vector = None
        if self._embedder.dimensions and question.mode in FOLLOWED_BY_EMBEDDING:
            vector = self._embedder.embed_query(question.text)
        return self._searcher.query(
            Query(
                user_id=user_id,
                text=question.text,
                vector=vector,
                mode=question.mode,
                top_k=question.top_k,
                workspace_id=workspace_id,
                document_ids=question.document_ids,
                filters=question.filters or {},
            )
        )

    def _find_repeat(self, user_id: UserId, key: str | None, fingerprint: str | None) -> Job | None:
        if key is None or fingerprint is None:
            return None
        with self.database.read() as connection:
            return jobs.find_repeat(connection, user_id, key, fingerprint)

    def _hand_out(self, transaction: Transaction, job: Job) -> Job:
        self._dispatcher.hand_out(transaction, job)
        return job

    def _own(self, transaction: Transaction, user_id: UserId, job_id: str) -> JobId:
        return jobs.get(transaction.connection, user_id, job_id).job_id

    def _workspace(self, transaction: Transaction, user_id: UserId, name: str | None) -> Workspace:
        return documents.make_workspace(transaction, user_id, name or documents.DEFAULT_WORKSPACE)

    def _find_workspace(self, connection: Any, user_id: UserId, name: str | None) -> WorkspaceId | None:
        return documents.get_workspace(connection, user_id, name).workspace_id if name else None


def _document(transaction: Transaction, user_id: UserId, workspace: Workspace, arrived: Arrived) -> Document:
    return Document(
        document_id=DocumentId(new_id()),
        user_id=user_id,
        workspace_id=workspace.workspace_id,
        filename=arrived.filename,
        content_type=arrived.content_type,
        blob=arrived.blob,
        sha256=arrived.sha256,
        metadata=arrived.metadata,
        created_at=transaction.now,
        updated_at=transaction.now,
    )


def _place(ahead: int) -> str:
    if not ahead:
        return "next in line for a free place"
    return "1 job is ahead in line" if ahead == 1 else f"{ahead} jobs are ahead in line"
