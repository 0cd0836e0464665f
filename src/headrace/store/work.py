"""What a worker writes: items claimed, taken up, moved on, finished or failed, and the job's progress that follows.

Every write is fenced twice: the job must still be in the run that the worker was given, and each item must still carry
the claim that the worker took. A worker that lost either writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce
from typing import Any

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.document import Document
from headrace.model.errors import DocumentError, Superseded
from headrace.model.event import document_facts
from headrace.model.ids import DocumentId, JobId, WorkspaceId
from headrace.model.job import FAILED_PAGES, Item, Job, Stats
from headrace.model.pace import Forecast
from headrace.model.progress import begun
from headrace.model.vocabulary import EventType, ProcessingStatus, Stage
from headrace.store import documents, jobs, record, revisions, rows, tally, workspaces
from headrace.store.database import Transaction
from headrace.store.schema import document as document_table
from headrace.store.schema import item as item_table

WORKER_DIED = "worker_died"
DELETED = DocumentError("deleted", "the document was deleted before it was ingested")


@dataclass(slots=True)
class Hand:
    """The part of a job that one worker has in hand, in one transaction. Call the verbs, then leave the block.

    What they come to is added up, and put to the job when the block is left.
    """

    transaction: Transaction
    draft: record.Draft
    moved: dict[int, Item] = field(default_factory=dict)
    told: list[tuple[Document, Mapping[str, Any]]] = field(default_factory=list)
    touched: set[WorkspaceId] = field(default_factory=set)
    stats: list[Stats] = field(default_factory=list)
    work_done: int = 0
    chunks_indexed: int = 0
    must_count_chunks: bool = False
    recipe: str | None = None

    @property
    def job(self) -> Job:
        """The job as it was when the block was entered, but for documents that have failed since."""
        return self.draft.job

    def move(self, before: Item, after: Item) -> Item:
        """Write an item's next state; its work, chunks and stats are added to the job's. Returns `after`."""
        self.moved[after.ordinal] = after
        self.work_done += max(0, after.work_done - before.work_done)
        self.chunks_indexed += after.chunks_indexed - before.chunks_indexed
        self.count(after.counted.since(before.counted))
        return after

    def make_sure(self, items: Sequence[Item]) -> None:
        """See that these are still this worker's, before anything of theirs is written that has no fence of its own.

        Raises:
            Superseded: another worker has one of them.
        """
        ordinals = [one.ordinal for one in items]
        mine = item_table.c.job_id == self.job.job_id, item_table.c.ordinal.in_(ordinals)
        found = self.transaction.execute(sa.select(item_table.c.ordinal, item_table.c.claim).where(*mine))
        claims = {row.ordinal: row.claim for row in found}
        _expect(sum(claims.get(one.ordinal) == one.claim for one in items), len(items))

    def count(self, stats: Stats) -> None:
        """Add to what the job has done, beside what its items have counted."""
        self.stats.append(stats)

    def begin(self, claimed: Sequence[Item]) -> None:
        """Tell that work on these documents has begun."""
        self._set_status(claimed, ProcessingStatus.PROCESSING)

    def complete(self, *finished: Item) -> None:
        """All chunks of the documents are indexed: their new versions are what readers see from this commit on."""
        # With `force_recreate` all of them go live together, at the job's end.
        there = documents.get_many(self.transaction.connection, [one.document_id for one in finished])
        made = [one for one in finished if one.document_id in there]
        leftovers = {} if self.job.force_recreate else go_live(self, made, there)
        for one in made:
            leftover = leftovers.get(one.ordinal)
            counted = one.counted.plus(Stats(documents_processed=1))
            after = replace(one, stage=Stage.COMPLETED, work_done=one.work_total, counted=counted)
            self.move(one, replace(after, leftover_version=leftover))
        self.draft.job = replace(self.job, processed_items=self.job.processed_items + len(made))
        for one in finished:
            if one.document_id not in there:
                self.fail(one, DELETED)

    def fail(self, before: Item, error: DocumentError) -> None:
        """The document cannot be ingested; an older version of it stays searchable."""
        after = replace(
            before,
            stage=Stage.FAILED,
            chunks_indexed=0,
            leftover_version=before.version if before.chunk_count else before.leftover_version,
            error_code=error.code,
            error_message=error.detail,
            counted=before.counted.plus(Stats(errors=1)),
        )
        self.move(before, after)
        self.draft.job = replace(
            self.job,
            processed_items=self.job.processed_items + 1,
            failed_items=self.job.failed_items + 1,
            work_total=self.job.work_total - (before.work_total - before.work_done),
        )
        self.must_count_chunks = True
        released = documents.release(self.transaction, self.job, before, error.detail)
        if released is not None:
            self.told.append((released, _facts(replace(released, processing_error=error.detail))))

    def add_up(self) -> None:
        """Put what was done to the job."""
        self.draft.job = replace(
            self.job,
            work_done=self.job.work_done + self.work_done,
            chunks_created=max(0, self.job.chunks_created + self.chunks_indexed),
            stats=reduce(Stats.plus, self.stats, self.job.stats),
        )

    def _set_status(self, begun: Sequence[Item], status: ProcessingStatus) -> None:
        found = documents.get_many(self.transaction.connection, [one.document_id for one in begun])
        for portion in documents.in_portions(list(found)):
            statement = sa.update(document_table).where(document_table.c.document_id.in_(portion))
            self.transaction.execute(statement.values(processing_status=status, updated_at=self.transaction.now))
        for one in begun:
            if one.document_id in found:
                changed = replace(found[one.document_id], processing_status=status)
                self.told.append((changed, _facts(changed)))


def go_live(hand: Hand, finished: Sequence[Item], served: Mapping[DocumentId, Document]) -> dict[int, int]:
    """Let readers see the versions that items have made; returns those whose chunks are not needed any more.

    `served` are their documents, as far as they are still there.
    """
    found = revisions.applied(hand.transaction.connection, served, finished)
    leftovers: dict[int, int] = {}
    live = []
    for one in finished:
        document = found.get(one.document_id)
        if document is None or (document.live_version or 0) > one.version:
            leftovers[one.ordinal] = one.version
            if document is not None:  # a later version was faster, and stays
                unchanged = served[one.document_id]
                live.append(replace(unchanged, processing_status=ProcessingStatus.READY, processing_error=None))
            continue
        live.append(replace(_published(document, one), recipe=hand.recipe))
        if document.live_version is not None and document.live_version != one.version:
            leftovers[one.ordinal] = document.live_version
    documents.publish(hand.transaction, live)
    revisions.take_effect(hand.transaction, finished)
    hand.touched |= {document.workspace_id for document in live}
    hand.told += [(document, _facts(document)) for document in live]
    return leftovers


def _published(document: Document, finished: Item) -> Document:
    return replace(
        document,
        live_version=finished.version,
        processing_status=ProcessingStatus.READY,
        processing_error=None,
        chunk_count=finished.chunk_count,
        metadata={**finished.description, **_without_findings(document)},
    )


def _without_findings(document: Document) -> Mapping[str, Any]:
    """Its metadata but for what only the version before could not read."""
    if document.live_version is None:
        return document.metadata
    return {name: value for name, value in document.metadata.items() if name not in (FAILED_PAGES, "warnings")}


@contextmanager
def working(
    transaction: Transaction, job_id: JobId, run: int, *, interval_seconds: float = 0.05, recipe: str | None = None
) -> Iterator[Hand]:
    """Take a job in hand: what is done in the block is written, and told, when it is left.

    `recipe` is noted on the documents that go live. A `job.progress` event is added when the last one is at least
    `interval_seconds` old; stages and ends are always told.

    Raises:
        Superseded: the job or one of the items is not this worker's any more; nothing was written.
    """
    with record.changing(transaction, job_id, run=run) as draft:
        hand = Hand(transaction, draft, recipe=recipe)
        yield hand
        hand.add_up()
        _write_items(transaction, list(hand.moved.values()))
        for workspace_id in hand.touched:
            workspaces.touch_index(transaction, workspace_id)
        interval = timedelta(seconds=interval_seconds)
        tally.draw(draft, hand.told, interval, must_count_chunks=hand.must_count_chunks)


Expect = Callable[[sa.Connection, Job], Forecast | None]
"""What a job is expected to take; None where nothing is known."""


def start(transaction: Transaction, job_id: JobId, run: int, *, expect: Expect = lambda *_: None) -> Job:
    """The engine has taken the job up, for the first time or again after a crash.

    Raises:
        Superseded: the job has ended, is paused, or was handed out again since.
    """
    with record.changing(transaction, job_id) as draft:
        if draft.job.run != run or draft.job.status not in jobs.LIVE:
            raise Superseded(f"job {job_id!r} is {draft.job.status}, in run {draft.job.run}")
        draft.job = lifecycle.start(draft.job, transaction.now)
        if draft.job.total_items:
            draft.job = begun(draft.job, expect(transaction.connection, draft.job))
            draft.advance_to(Stage.EXTRACTING)
    return draft.job


def claim(hand: Hand, first: int = 0, last: int | None = None) -> list[Item]:
    """Make what is unfinished between two ordinals this worker's: whoever had it before writes nothing of it any more.

    All of it at once, so that of two workers on the same documents the later one has them all, and goes on.
    """
    connection = hand.transaction.connection
    statement = sa.update(item_table).where(*_left(hand.job.job_id, first, last))
    hand.transaction.execute(statement.values(claim=item_table.c.claim + 1))
    return unfinished(connection, hand.job.job_id, first, last)


def take_up(hand: Hand, wanted: Sequence[Item], max_deaths: int) -> list[Item]:
    """Begin with claimed items. Those that killed too many workers are failed instead."""
    begun = []
    for one in wanted:
        if one.deaths >= max_deaths:
            hand.fail(one, DocumentError(WORKER_DIED, f"the worker died {one.deaths} times on this document"))
            continue
        stage = Stage.EXTRACTING if one.stage is Stage.RECEIVED else one.stage
        begun.append(replace(one, deaths=one.deaths + 1, stage=stage))
    _take_up(hand.transaction, begun)
    new = {one.ordinal for one in wanted if one.stage is Stage.RECEIVED}
    hand.begin([one for one in begun if one.ordinal in new])
    return begun


def finish(transaction: Transaction, job_id: JobId, run: int, *, recipe: str | None = None) -> Job:
    """End a job whose items are all finished: completed, or failed when none of them succeeded."""
    with record.changing(transaction, job_id, run=run) as draft:
        if draft.job.processed_items < draft.job.total_items:
            raise Superseded(f"job {job_id!r} has unfinished documents")
        if draft.job.force_recreate and draft.job.failed_items < draft.job.total_items:
            _swap_collection(Hand(transaction, draft, recipe=recipe))
        draft.job = lifecycle.finish(draft.job, transaction.now)
        draft.job = replace(draft.job, **tally.last_words(transaction, draft.job))
        draft.report(EventType.JOB_FAILED if draft.job.stage is Stage.FAILED else EventType.JOB_COMPLETED)
    return draft.job


def _swap_collection(hand: Hand) -> None:
    """Let the job's documents be all that its workspace holds, but for what was sent after them."""
    transaction, job = hand.transaction, hand.job
    mine = sa.select(item_table.c.document_id).where(item_table.c.job_id == job.job_id)
    # One that was sent again by a later job is that one's, and what is served of it stays until that job replaces it.
    sent_later = sa.exists().where(
        item_table.c.document_id == document_table.c.document_id, item_table.c.job_id > job.job_id
    )
    documents.hide(
        transaction,
        document_table.c.workspace_id == job.workspace_id,
        # What was in an archive came with it, though it was made when the archive was unpacked.
        sa.or_(document_table.c.created_at <= job.created_at, document_table.c.job_id < job.job_id),
        ~sent_later,
        document_table.c.document_id.not_in(mine),
    )
    made = [one for one in jobs.items(transaction.connection, job.job_id) if one.stage is Stage.COMPLETED]
    leftovers = go_live(hand, made, documents.get_many(transaction.connection, [one.document_id for one in made]))
    for ordinal, version in leftovers.items():  # of an archive's members, which may have been here before
        where = (item_table.c.job_id == job.job_id, item_table.c.ordinal == ordinal)
        transaction.execute(sa.update(item_table).where(*where).values(leftover_version=version))
    for workspace_id in hand.touched:
        workspaces.touch_index(transaction, workspace_id)
    hand.draft.report_documents([(document.document_id, facts) for document, facts in hand.told])


def say_waiting(transaction: Transaction, job_id: JobId, run: int, sentence: str | None) -> Job:
    """Say why a running job does not move; None when it does again. Told to watchers as the event's message.

    Raises:
        Superseded: the job does not run any more, or under a later run.
    """
    with record.changing(transaction, job_id, run=run) as draft:
        draft.job = replace(draft.job, waiting_for=sentence)
        if sentence is not None:
            draft.report(EventType.JOB_PROGRESS, message=f"Waiting: {sentence}")
    return draft.job


def fail(transaction: Transaction, job_id: JobId, run: int, reason: str) -> Job:
    """End a job for a reason that is not a document's."""
    with record.changing(transaction, job_id, run=run) as draft:
        draft.job = lifecycle.fail(draft.job, transaction.now, reason)
        draft.report(EventType.JOB_FAILED)
    return draft.job


def unfinished(connection: sa.Connection, job_id: JobId, first: int = 0, last: int | None = None) -> list[Item]:
    """The items between two ordinals, both included, on which there is work left."""
    statement = sa.select(item_table).where(*_left(job_id, first, last)).order_by(item_table.c.ordinal)
    return [rows.to_item(row) for row in connection.execute(statement).mappings()]


def _left(job_id: JobId, first: int, last: int | None) -> list[sa.ColumnElement[bool]]:
    item = item_table.c
    conditions = [item.job_id == job_id, item.stage_rank < Stage.COMPLETED.rank, item.ordinal >= first]
    return conditions if last is None else [*conditions, item.ordinal <= last]


def _facts(document: Document) -> dict[str, Any]:
    return document_facts(
        document.processing_status, document.processing_error, document.chunk_count, document.metadata
    )


def _take_up(transaction: Transaction, begun: Sequence[Item]) -> None:
    values = [
        {
            "of_job": one.job_id,
            "at_ordinal": one.ordinal,
            "of_claim": one.claim,
            "new_deaths": one.deaths,
            "new_stage": one.stage,
            "new_stage_rank": one.stage.rank,
        }
        for one in begun
    ]
    _expect(transaction.execute_many(_TAKE_UP, values), len(values))


_IS_MINE = (
    item_table.c.job_id == sa.bindparam("of_job"),
    item_table.c.ordinal == sa.bindparam("at_ordinal"),
    item_table.c.claim == sa.bindparam("of_claim"),
    item_table.c.stage_rank < Stage.COMPLETED.rank,  # what has ended is not begun again, by whomever
)


def _set(*names: str) -> sa.Update:
    return sa.update(item_table).where(*_IS_MINE).values({name: sa.bindparam(f"new_{name}") for name in names})


_TAKE_UP = _set("deaths", "stage", "stage_rank")

_MOVED = (
    "stage", "stage_rank", "work_done", "sections_done", "page_count", "chunk_count", "chunks_indexed", "deaths",
    "description", "leftover_version", "error_code", "error_message", "counted",
)  # fmt: skip


_MOVE = _set(*_MOVED)


def _write_items(transaction: Transaction, moved: Sequence[Item]) -> None:
    """Write the last state of each item; whatever is saved clears its count of deaths."""
    values = []
    for one in moved:
        columns = rows.from_item(one)
        keys = {"of_job": one.job_id, "at_ordinal": one.ordinal, "of_claim": one.claim}
        values.append(keys | {f"new_{name}": columns[name] for name in _MOVED} | {"new_deaths": 0})
    _expect(transaction.execute_many(_MOVE, values), len(values))


def _expect(changed: int, wanted: int) -> None:
    if changed != wanted:
        raise Superseded(f"{wanted - changed} documents were taken up by another worker")
