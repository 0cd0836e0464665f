"""What lasts: documents, the workspaces that hold them, their settings, and the questions that they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from headrace.engine.dispatch import Dispatcher
from headrace.model.document import Document, Hit, Neighbour, Stretch, Workspace
from headrace.model.errors import InvalidField
from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId
from headrace.model.job import Job
from headrace.model.rag import DEFAULT_EMBEDDER, NO_EMBEDDER
from headrace.model.vocabulary import JobType, ProcessingStatus
from headrace.pipeline import plugins
from headrace.pipeline.embed import Embedder, Embedders, makes_vectors
from headrace.search.query import Clock, Query, Searcher, SearchMode, Span
from headrace.service import paging
from headrace.settings import Settings
from headrace.store import documents, jobs, record, reembedding, workspaces
from headrace.store.database import Database, Transaction
from headrace.store.schema import document as document_table

LONGEST_NAME = 255
NEEDS_EMBEDDING = (SearchMode.HYBRID, SearchMode.VECTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the index. `workspace` is a name or an id; `filters` are on metadata fields.

    Without a `mode` the workspace's own is used. `times` are bounds on when a document came in, was changed, or on the
    dates in its text; `cursor` is the `next_cursor` of the page before, of the same question.
    """

    text: str
    mode: SearchMode | None = None
    top_k: int = 10
    workspace: str | None = None
    document_ids: Sequence[DocumentId] | None = None
    filters: Mapping[str, Any] | None = None
    times: Mapping[Clock, Span] = field(default_factory=dict)
    cursor: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What a page has in common with the next one."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "cursor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page of passages, best first. `next_cursor` is None where there are no more."""

    hits: Sequence[Hit]
    next_cursor: str | None = None


class Library:
    """Every verb takes the user on whose behalf it is called; what is not theirs does not exist for them.

    The methods block for the database: call them from a thread.
    """

    def __init__(self, settings: Settings, database: Database, dispatcher: Dispatcher, embedders: Embedders) -> None:
        self.database = database
        self._dispatcher = dispatcher
        self._embedders = embedders
        self._searcher = Searcher(database, matrix_bytes=settings.vector_memory_bytes)

    def get_document(self, user_id: UserId, document_id: str) -> Document:
        """One document.

        Raises:
            DocumentNotFound: there is none, or it is someone else's.
        """
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
            workspace_id = workspaces.get(connection, user_id, workspace).workspace_id if workspace else None
            return documents.select_page(
                connection, user_id, limit=limit, before=before, workspace_id=workspace_id, status=status
            )

    def delete_document(self, user_id: UserId, document_id: str) -> None:
        """Forget a document: it is not found from now on; its chunks and bytes are removed later."""
        with self.database.write(durable=True) as transaction:
            found = documents.get(transaction.connection, user_id, document_id)
            documents.hide(transaction, document_table.c.document_id == found.document_id)
            workspaces.touch_index(transaction, found.workspace_id)

    def get_workspace(self, user_id: UserId, name_or_id: str) -> Workspace:
        """One workspace.

        Raises:
            WorkspaceNotFound: there is none, or it is someone else's.
        """
        with self.database.read() as connection:
            return workspaces.get(connection, user_id, name_or_id, is_counted=True)

    def list_workspaces(self, user_id: UserId, *, limit: int, before: str | None) -> list[Workspace]:
        """A page of workspaces, newest first, from the one after `before` on."""
        with self.database.read() as connection:
            return workspaces.select_page(connection, user_id, limit=limit, before=before)

    def create_workspace(self, user_id: UserId, name: str, rag_config: Mapping[str, Any]) -> tuple[Workspace, Job]:
        """A new workspace, and the job that provisions it.

        Raises:
            NameTaken: the user has one of that name.
        """
        self._check_config(rag_config)
        with self.database.write(durable=True) as transaction:
            return provision(transaction, self._dispatcher, user_id, name, rag_config)

    def change_workspace(
        self, user_id: UserId, workspace_id: str, *, name: str | None, rag_config: Mapping[str, Any] | None
    ) -> tuple[Workspace, Job | None]:
        """Rename a workspace or change its settings; they hold for what is ingested from now on.

        Another embedder needs all vectors anew: it is in force when the job that is returned has made them, and until
        then the old ones serve. A job of the same kind that was under way is cancelled.

        Raises:
            InvalidField: the embedder is not known, or not set up.
        """
        self._check_config(rag_config or {})
        with self.database.write(durable=True) as transaction:
            if name is not None:
                _check_name(name)
                transaction.take_turns(user_id, "workspaces")
            found = workspaces.get(transaction.connection, user_id, workspace_id, is_counted=True)
            rest = {key: value for key, value in (rag_config or {}).items() if key != "embedder"}
            changed = workspaces.change(transaction, found, name=name, rag_config=rest if rag_config else None)
            choice = (rag_config or {}).get("embedder")
            return changed, None if choice is None else self._change_embedder(transaction, found, choice)

    def _change_embedder(self, transaction: Transaction, found: Workspace, choice: str) -> Job | None:
        alive = reembedding.alive_in(transaction.connection, found.workspace_id)
        record.lock(transaction, alive)
        for job_id in alive:
            jobs.cancel(transaction, job_id)
        if choice == workspaces.rag_config(transaction.connection, found.workspace_id).embedder:
            return None
        submission = jobs.Submission(
            user_id=found.user_id,
            workspace_id=found.workspace_id,
            job_type=JobType.REEMBEDDING,
            message=f"Embedding workspace {found.name!r} anew",
            metadata={"embedder": choice},
        )
        job = jobs.submit(transaction, submission)
        self._dispatcher.hand_out(transaction, job)
        return job

    def _check_config(self, rag_config: Mapping[str, Any]) -> None:
        try:
            self._embedders.get(rag_config.get("embedder", DEFAULT_EMBEDDER))
        except ValueError as error:
            raise InvalidField.single("rag_config.embedder", str(error)) from error
        enrichment = rag_config.get("enrichment")
        chosen = enrichment.get("plugins", ()) if isinstance(enrichment, Mapping) else ()
        there = plugins.installed(plugins.Group.ENRICHERS) if chosen else {}
        for name in chosen:
            if name not in there:
                known = ", ".join(repr(each) for each in there) or "none"
                told = f"no enricher {name!r} is installed; other packages bring: {known}"
                raise InvalidField.single("rag_config.enrichment.plugins", told)

    def delete_workspace(self, user_id: UserId, workspace_id: str) -> Job:
        """Forget a workspace and all that is in it, at once for every reader; returns the job that clears it away."""
        with self.database.write(durable=True) as transaction:
            found = workspaces.get(transaction.connection, user_id, workspace_id)
            for job_id in self._lock_alive(transaction, found):
                jobs.cancel(transaction, job_id)
            workspaces.hide(transaction, found)
            job = jobs.submit(
                transaction,
                jobs.Submission(
                    user_id=user_id,
                    workspace_id=found.workspace_id,
                    job_type=JobType.DELETION,
                    message=f"Deleting workspace {found.name!r}",
                ),
            )
            self._dispatcher.hand_out(transaction, job)
            return job

    def _lock_alive(self, transaction: Transaction, found: Workspace) -> list[JobId]:
        """The jobs of a workspace that have not ended, and will not while the transaction lasts."""
        seen = jobs.select_alive(transaction.connection, found.user_id, limit=None)
        record.lock(transaction, [one.job_id for one in seen if one.workspace_id == found.workspace_id])
        alive = jobs.select_alive(transaction.connection, found.user_id, limit=None)
        locked = {one.job_id for one in seen}
        return [one.job_id for one in alive if one.workspace_id == found.workspace_id and one.job_id in locked]

    def default_rag_config(self, user_id: UserId) -> dict[str, Any]:
        """The settings of the user's workspaces where they set nothing themselves."""
        with self.database.read() as connection:
            return workspaces.default_rag_config(connection, user_id).to_json()

    def set_default_rag_config(self, user_id: UserId, config: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the user's defaults; returns all of them. An embedder holds where there are no vectors yet."""
        self._check_config(config)
        with self.database.write(durable=True) as transaction:
            workspaces.set_default_rag_config(transaction, user_id, config)
        return self.default_rag_config(user_id)

    def query(self, user_id: UserId, question: Question) -> list[Hit]:
        """The passages of the first page that `search` finds."""
        return list(self.search(user_id, question).hits)

    def search(self, user_id: UserId, question: Question) -> Answer:
        """The passages that answer best, and where to go on.

        Raises:
            WorkspaceNotFound: the workspace does not exist, or is someone else's.
            InvalidField: the filters cannot be meant.
            MalformedCursor: the cursor is of another question, or of none.
        """
        offset = paging.decode(question.cursor, question.asked) if question.cursor else 0
        workspace_id, mode, choice = self._scope(user_id, question)
        embedder = self._embedders.get(choice)
        vector = None
        if mode in NEEDS_EMBEDDING and makes_vectors(embedder):
            vector = embedder.embed_query(question.text)
        comparable = None if workspace_id or vector is None else self._comparable(user_id, embedder)
        hits, has_more = self._searcher.page(
            Query(
                user_id=user_id,
                text=question.text,
                vector=vector,
                mode=mode,
                top_k=question.top_k,
                workspace_id=workspace_id,
                document_ids=question.document_ids,
                filters=question.filters or {},
                times=question.times,
                offset=offset,
                vector_workspaces=comparable,
            )
        )
        following = offset + question.top_k
        is_last = not has_more or not hits
        return Answer(hits=hits, next_cursor=None if is_last else paging.encode(following, question.asked))

    def neighbours(self, user_id: UserId, chunk_id: str, *, before: int, after: int) -> list[Neighbour]:
        """A passage and those around it.

        Raises:
            ChunkNotFound: there is none that this user can search.
        """
        return self._searcher.neighbours(user_id, chunk_id, before=before, after=after)

    def stretch(self, user_id: UserId, document_id: str, *, start: int, length: int) -> Stretch:
        """A part of a document's text.

        Raises:
            DocumentNotFound: there is none, or nothing of it can be read yet.
        """
        return self._searcher.stretch(user_id, document_id, start=start, length=length)

    def around(self, user_id: UserId, document_id: str, chunk_id: str, *, margin: int) -> Stretch:
        """A passage where it stands in its document's text.

        Raises:
            ChunkNotFound: there is none that this user can search.
            DocumentNotFound: it is of another document.
        """
        return self._searcher.around(user_id, document_id, chunk_id, margin=margin)

    def _comparable(self, user_id: UserId, embedder: Embedder) -> frozenset[str] | None:
        """The workspaces with vectors of that embedder; None where that is all of them."""
        with self.database.read() as connection:
            choices = workspaces.embedders(connection, user_id)
        same = frozenset(one for one, choice in choices.items() if self._embedders.get(choice).name == embedder.name)
        return None if len(same) == len(choices) else same

    def _scope(self, user_id: UserId, question: Question) -> tuple[WorkspaceId | None, SearchMode, str]:
        """Where to look, how, and with which embedder; all workspaces together are asked with the default one."""
        with self.database.read() as connection:
            if not question.workspace:
                config = workspaces.default_rag_config(connection, user_id)
                return None, question.mode or SearchMode(config.search_mode), DEFAULT_EMBEDDER
            found = workspaces.get(connection, user_id, question.workspace)
            config = workspaces.rag_config(connection, found.workspace_id)
        mode = question.mode or SearchMode(config.search_mode)
        if config.embedder == NO_EMBEDDER:
            mode = SearchMode.KEYWORD
        return found.workspace_id, mode, config.embedder


def provision(
    transaction: Transaction, dispatcher: Dispatcher, user_id: UserId, name: str, rag_config: Mapping[str, Any]
) -> tuple[Workspace, Job]:
    """Make a workspace and hand the job that provisions it to the engine.

    Raises:
        NameTaken: the user has one of that name.
        InvalidField: nothing can be called so.
    """
    _check_name(name)
    transaction.take_turns(user_id, "workspaces")
    made = workspaces.make(transaction, user_id, name, rag_config)
    job = jobs.submit(
        transaction,
        jobs.Submission(
            user_id=user_id,
            workspace_id=made.workspace_id,
            job_type=JobType.PROVISIONING,
            message=f"Preparing workspace {name!r}",
        ),
    )
    dispatcher.hand_out(transaction, job)
    return made, job


def find_or_provision(transaction: Transaction, dispatcher: Dispatcher, user_id: UserId, name: str | None) -> Workspace:
    """The workspace of that name or id; made, and provisioned by a job of its own, when it is first used."""
    wanted = name or workspaces.DEFAULT_WORKSPACE
    _check_name(wanted)
    if (found := workspaces.find(transaction.connection, user_id, wanted)) is not None:
        return found
    transaction.take_turns(user_id, "workspaces")
    found = workspaces.find(transaction.connection, user_id, wanted)  # another request may have made it meanwhile
    return found or provision(transaction, dispatcher, user_id, wanted, {})[0]


def _check_name(name: str) -> None:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidField.single("name", f"of a workspace must be 1 to {LONGEST_NAME} printable characters")
