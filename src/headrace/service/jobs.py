"""What is done with jobs: submit, look, cancel, pause, resume, retry."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from headrace.engine.dispatch import Dispatcher
from headrace.eventlog.replay import Stream, open_stream, read_list
from headrace.model.cursor import Cursor
from headrace.model.document import Document, Workspace
from headrace.model.errors import DocumentNotFound, InvalidField, JobNotFound, QueueFull, Superseded, WrongState
from headrace.model.event import Event
from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId, new_id
from headrace.model.job import Item, Job
from headrace.model.vocabulary import JobStatus, JobType, Verdict
from headrace.service.intake import Arrived, Intake, Request
from headrace.service.library import find_or_provision
from headrace.settings import Settings
from headrace.store import documents, jobs, observing, sameness, tasks, workspaces
from headrace.store.blobs import BlobStore
from headrace.store.database import Database, Transaction
from headrace.store.tasks import Task
from headrace.telemetry import tracing


class Jobs:
    """Every verb takes the user on whose behalf it is called; what is not theirs does not exist for them.

    The methods block for the database: call them from a thread.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        dispatcher: Dispatcher,
    ) -> None:
        self.settings = settings
        self.database = database
        self.blobs = blobs
        self._dispatcher = dispatcher

    def intake(self) -> Intake:
        """Start to take the documents of one request in."""
        return Intake(self.blobs, self.settings)

    def check_room(self, user_id: UserId | None = None) -> None:
        """Refuse early what could not be accepted. Where users log in, none of them may fill the whole queue.

        Raises:
            QueueFull: too many jobs wait already, of all users or of this one.
            DiskLow: less disk is free than the operator wants to keep.
        """
        self.blobs.check_space()
        with self.database.read() as connection:
            waiting = jobs.count_pending(connection)
            own = jobs.count_pending(connection, user_id) if user_id and self.settings.must_log_in else 0
        if waiting >= self.settings.max_pending_jobs:
            raise QueueFull(f"{waiting} jobs wait already; try again later")
        if own >= self.settings.max_pending_jobs_per_user:
            raise QueueFull(f"{own} of your jobs wait already; try again when some of them have run")

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
        with tracing.span("headrace.submit"), self.database.write(durable=True) as transaction:
            if (earlier := _find_winner(transaction, user_id, request.idempotency_key, fingerprint)) is not None:
                return earlier
            workspace = find_or_provision(transaction, self._dispatcher, user_id, request.workspace)
            sent = [_document(transaction, user_id, workspace, one, request.metadata) for one in arrived]
            judged = self._judge(transaction, workspace, sent, arrived, request)
            arrivals = {one.document_id for one in sent}
            documents.add(transaction, [one.document for one in judged if one.document.document_id in arrivals])
            submission = jobs.Submission(
                user_id=user_id,
                workspace_id=workspace.workspace_id,
                job_type=request.job_type,
                documents=[one.document for one in judged],
                verdicts=sameness.of_documents(judged),
                metadata=request.metadata,
                message=request.message,
                force_recreate=request.force_recreate,
                idempotency_key=request.idempotency_key or None,
                request_hash=fingerprint,
            )
            return self._hand_out(transaction, jobs.submit(transaction, submission))

    def keep(
        self, user_id: UserId, workspace: str | None, intake: Intake, metadata: Mapping[str, Any] | None = None
    ) -> list[Document]:
        """Keep documents without ingesting them yet; they are `pending` until someone asks for that."""
        request = Request(job_type=JobType.RESOURCE, workspace=workspace, metadata=metadata or {})
        arrived = intake.settle()
        with self.database.write(durable=True) as transaction:
            return self._keep(transaction, user_id, request, arrived)[1]

    def keep_and_ingest(
        self,
        user_id: UserId,
        workspace: str | None,
        intake: Intake,
        metadata: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> tuple[list[Document], Job]:
        """Keep documents and start one job on all of them.

        A repeat of the same `Idempotency-Key` and files gives the documents and the job of the first time.

        Raises:
            KeyReused: the key came with another request.
        """
        request = Request(
            job_type=JobType.RESOURCE,
            workspace=workspace,
            metadata=metadata or {},
            idempotency_key=idempotency_key or None,
        )
        fingerprint = intake.fingerprint(request) if request.idempotency_key else None
        if (earlier := self._find_repeat(user_id, request.idempotency_key, fingerprint)) is not None:
            return self._documents_of(earlier), earlier
        arrived = intake.settle()
        with self.database.write(durable=True) as transaction:
            earlier = _find_winner(transaction, user_id, request.idempotency_key, fingerprint)
            if earlier is None:
                found, new = self._keep(transaction, user_id, request, arrived)
                submission = jobs.Submission(
                    user_id=user_id,
                    workspace_id=found.workspace_id,
                    job_type=request.job_type,
                    documents=new,
                    verdicts=dict.fromkeys((one.document_id for one in new), Verdict.NEW),
                    idempotency_key=request.idempotency_key,
                    request_hash=fingerprint,
                )
                return new, self._hand_out(transaction, jobs.submit(transaction, submission))
        return self._documents_of(earlier), earlier

    def _keep(
        self, transaction: Transaction, user_id: UserId, request: Request, arrived: Sequence[Arrived]
    ) -> tuple[Workspace, list[Document]]:
        found = find_or_provision(transaction, self._dispatcher, user_id, request.workspace)
        new = [_document(transaction, user_id, found, one, request.metadata) for one in arrived]
        documents.add(transaction, new)
        return found, new

    def _documents_of(self, job: Job) -> list[Document]:
        """Those of a job that are still there, in its order."""
        with self.database.read() as connection:
            ids = [one.document_id for one in jobs.items(connection, job.job_id)]
            found = documents.get_many(connection, ids)
        if not found:
            raise DocumentNotFound(ids[0])
        return [found[one] for one in ids if one in found]

    def _judge(
        self,
        transaction: Transaction,
        workspace: Workspace,
        sent: Sequence[Document],
        arrived: Sequence[Arrived],
        request: Request,
    ) -> list[sameness.Judged]:
        """What of a request is new, changed or unchanged; all of it is new where the collection is rebuilt from it."""
        named = [place for place, one in enumerate(arrived) if one.is_named]
        if request.force_recreate or not named:
            return [sameness.Judged(document=one, verdict=Verdict.NEW) for one in sent]
        sameness.take_turns(transaction, workspace.workspace_id)
        wish = self._wish(transaction, workspace.workspace_id, force=request.force, replaces=request.replace)
        return sameness.judge(transaction, sent, named, wish)

    def _wish(
        self, transaction: Transaction, workspace_id: WorkspaceId, *, force: bool, replaces: bool = False
    ) -> sameness.Wish:
        config = workspaces.rag_config(transaction.connection, workspace_id)
        recipe = config.recipe(self.settings.embedder_name)
        return sameness.Wish(recipe=recipe, must_redo=force, replaces=replaces)

    def ingest_again(
        self, user_id: UserId, document_id: str, *, force: bool = False, idempotency_key: str | None = None
    ) -> Job:
        """Start a new job on a document that is there already; its live version is served until the swap.

        Where that version was made from the same bytes with the settings in force there is nothing to do, and the job
        has ended, unless `force` asks for the work all the same.

        A repeat of the same `Idempotency-Key` and document gives the job that was made the first time.

        Raises:
            DocumentNotFound: there is none, or it is someone else's.
            KeyReused: the key came with another request.
        """
        asked = f"{JobType.RESOURCE} {document_id}" + (" force" if force else "")
        fingerprint = hashlib.sha256(asked.encode()).hexdigest()
        with self.database.write(durable=True) as transaction:
            if idempotency_key:
                transaction.take_turns(user_id, idempotency_key)
                repeat = jobs.find_repeat(transaction.connection, user_id, idempotency_key, fingerprint)
                if repeat is not None:
                    return repeat
            workspace_id = documents.get(transaction.connection, user_id, document_id).workspace_id
            sameness.take_turns(transaction, workspace_id)
            document = documents.get(transaction.connection, user_id, document_id)
            wish = self._wish(transaction, workspace_id, force=force)
            submission = jobs.Submission(
                user_id=user_id,
                workspace_id=workspace_id,
                job_type=JobType.RESOURCE,
                documents=[document],
                verdicts={document.document_id: sameness.judge_again(document, wish)},
                idempotency_key=idempotency_key or None,
                request_hash=fingerprint if idempotency_key else None,
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

    def list_jobs(
        self,
        user_id: UserId,
        *,
        status: JobStatus | None = None,
        limit: int,
        before: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[Job]:
        """A page of jobs, newest first, from the one after `before` on."""
        with self.database.read() as connection:
            return jobs.select_page(
                connection, user_id, status=status, limit=limit, before=before, idempotency_key=idempotency_key
            )

    def count_jobs(self, user_id: UserId) -> dict[str, int]:
        """Jobs by status, and the chunks that they made."""
        with self.database.read() as connection:
            return jobs.count(connection, user_id)

    def list_items(self, user_id: UserId, job_id: str, *, after: int | None, limit: int) -> list[Item]:
        """A page of a job's documents, in their order in the job."""
        with self.database.read() as connection:
            job = jobs.get(connection, user_id, job_id)
            return jobs.items(connection, job.job_id, after=after, limit=limit)

    def list_events(self, user_id: UserId, job_id: str | None, cursor: Cursor | None, *, limit: int) -> list[Event]:
        """A page of a job's events, or of all of the user's, from the one after `cursor` on.

        Without a cursor a job's begin with the first; a user's are far too many, and begin with the snapshot.
        """
        now, epoch = self.database.clock(), self.database.epoch
        stream = Stream(user_id, None if job_id is None else JobId(job_id))
        with self.database.read() as connection:
            if job_id is None and cursor is None:
                return list(open_stream(connection, stream, None, epoch=epoch, now=now).first)
            return read_list(connection, stream, cursor, epoch=epoch, now=now, limit=limit)

    def cancel(self, user_id: UserId, job_id: str) -> Job:
        """End a job now. A workspace that was to be provisioned by it has an error from now on, and says why.

        Raises:
            WrongState: it has ended already, or is a deletion, which nobody can undo.
        """
        with self.database.write(durable=True) as transaction:
            cancelled = jobs.cancel(transaction, self._own(transaction, user_id, job_id))
            if cancelled.job_type is JobType.PROVISIONING:
                workspaces.give_up(transaction, cancelled)
            return cancelled

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

    def begin_task(self, user_id: UserId, task: Task) -> Job:
        """Start a job whose work is done elsewhere."""
        with self.database.write(durable=True) as transaction:
            return tasks.begin(transaction, user_id, task)

    def advance_task(self, user_id: UserId, job_id: str, *, count: int, total: int | None, message: str | None) -> Job:
        """Some steps of a task are done; also a sign of life.

        Raises:
            WrongState: it has ended, or was cancelled.
        """
        interval = self.settings.progress_interval_seconds
        with self._on_task(user_id, job_id) as (transaction, own):
            return tasks.advance(transaction, own, count=count, total=total, message=message, interval=interval)

    def finish_task(self, user_id: UserId, job_id: str, *, error: str | None, message: str | None) -> Job:
        """A task is done, or failed.

        Raises:
            WrongState: it has ended, or was cancelled.
        """
        with self._on_task(user_id, job_id, durable=True) as (transaction, own):
            return tasks.finish(transaction, own, error=error, message=message)

    @contextmanager
    def _on_task(self, user_id: UserId, job_id: str, *, durable: bool = False) -> Iterator[tuple[Transaction, JobId]]:
        with self.database.write(durable=durable) as transaction:
            job = jobs.get(transaction.connection, user_id, job_id)
            if job.job_type is not JobType.TASK:
                raise JobNotFound(job_id)
            try:
                yield transaction, job.job_id
            except Superseded as error:
                raise WrongState(job_id, job.status, "report") from error

    def _find_repeat(self, user_id: UserId, key: str | None, fingerprint: str | None) -> Job | None:
        if key is None or fingerprint is None:
            return None
        with self.database.read() as connection:
            return jobs.find_repeat(connection, user_id, key, fingerprint)

    def _hand_out(self, transaction: Transaction, job: Job) -> Job:
        if not job.status.is_final:  # as one is of which nothing has changed
            self._dispatcher.hand_out(transaction, job)
        observing.note_trace(transaction, job.job_id, tracing.current())
        return job

    def _own(self, transaction: Transaction, user_id: UserId, job_id: str) -> JobId:
        return jobs.get(transaction.connection, user_id, job_id).job_id


def _find_winner(transaction: Transaction, user_id: UserId, key: str | None, fingerprint: str | None) -> Job | None:
    """The job of a request with the same key that has won since it was looked for; none comes in between any more."""
    if not key or not fingerprint:
        return None
    transaction.take_turns(user_id, key)
    return jobs.find_repeat(transaction.connection, user_id, key, fingerprint)


def _document(
    transaction: Transaction, user_id: UserId, workspace: Workspace, arrived: Arrived, shared: Mapping[str, Any]
) -> Document:
    """A document as it is accepted; its own metadata win over those that came with the whole request."""
    return Document(
        document_id=DocumentId(new_id()),
        user_id=user_id,
        workspace_id=workspace.workspace_id,
        filename=arrived.filename,
        content_type=arrived.content_type,
        blob=arrived.blob,
        sha256=arrived.sha256,
        metadata={**shared, **arrived.metadata},
        created_at=transaction.now,
        updated_at=transaction.now,
    )


def _place(ahead: int) -> str:
    if not ahead:
        return "next in line for a free place"
    return "1 job is ahead in line" if ahead == 1 else f"{ahead} jobs are ahead in line"
