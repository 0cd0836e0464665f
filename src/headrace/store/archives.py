"""Archives among a job's documents: what is in one becomes documents of the same job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from headrace.model.document import Document
from headrace.model.errors import DocumentError
from headrace.model.ids import JobId
from headrace.model.job import Item, Job, Stats
from headrace.model.progress import SMALLEST_WORK
from headrace.model.vocabulary import EventType, Stage, Verdict
from headrace.store import documents, jobs, revisions, rows, sameness
from headrace.store.database import Transaction
from headrace.store.schema import document as document_table
from headrace.store.schema import item as item_table
from headrace.store.work import Hand

MEMBERS = "members"
"""What an archive's description says once it is unpacked: how many documents it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A document that was in an archive; `failure` says why it cannot be read, `members` that it is an archive too."""

    document: Document
    failure: DocumentError | None = None
    members: int | None = None


def waiting(connection: sa.Connection, job_id: JobId, content_type: str) -> list[tuple[Item, Document]]:
    """The archives of a job that nobody has unpacked yet, and that no later one has replaced."""
    may_be_one = sa.or_(
        document_table.c.content_type == content_type, item_table.c.verdict == Verdict.CHANGED
    )  # a changed document's type is that of its new version
    statement = (
        sa.select(item_table)
        .join(document_table, document_table.c.document_id == item_table.c.document_id)
        .where(item_table.c.job_id == job_id, item_table.c.stage_rank < Stage.COMPLETED.rank, may_be_one)
        .order_by(item_table.c.ordinal)
    )
    items = [rows.to_item(row) for row in connection.execute(statement).mappings()]
    items = [one for one in items if MEMBERS not in one.description]
    found = documents.get_many(connection, [one.document_id for one in items])
    known = revisions.applied(connection, found, items)
    pairs = ((one, known[one.document_id]) for one in items if one.document_id in known)
    return [
        (one, document)
        for one, document in pairs
        if document.content_type == content_type and one.version >= (document.live_version or 0)
    ]


def add_members(hand: Hand, archive: Item, unpacked: Sequence[Unpacked], warnings: Sequence[str], recipe: str) -> None:
    """Write what an archive held behind the job's other documents, and note on the archive that it is unpacked.

    What is known to the workspace under its name and with its bytes is not ingested again, unless by this very job.
    Nothing is written where the archive was deleted meanwhile, or where another worker, which took over from this one
    or was believed to be dead, has unpacked it.
    """
    transaction = hand.transaction
    if not _is_wanted(transaction, archive):
        return
    judged = _judged(transaction, hand.job, unpacked, recipe)
    sent = {one.document.document_id for one in unpacked}
    documents.add(transaction, [one.document for one in judged if one.document.document_id in sent])
    items = _items(transaction, hand.job, judged, unpacked)
    if items:
        transaction.execute(sa.insert(item_table), [rows.from_item(one) for one in items])
    _hand_over(transaction, hand.job, items)
    _count(hand, items)
    _mark(hand, archive, len(items), warnings)
    for one, origin in zip(items, unpacked, strict=True):
        if origin.failure is not None and one.verdict is not Verdict.UNCHANGED:
            hand.fail(one, origin.failure)
    hand.draft.report(EventType.JOB_PROGRESS, message=f"Unpacked {_documents(len(items))} from {archive.filename}")


def _is_wanted(transaction: Transaction, archive: Item) -> bool:
    if not documents.get_many(transaction.connection, [archive.document_id]):
        return False
    where = (item_table.c.job_id == archive.job_id, item_table.c.ordinal == archive.ordinal)
    return MEMBERS not in transaction.execute(sa.select(item_table.c.description).where(*where)).scalar_one()


def _judged(transaction: Transaction, job: Job, unpacked: Sequence[Unpacked], recipe: str) -> list[sameness.Judged]:
    sent = [one.document for one in unpacked]
    named = [place for place, one in enumerate(unpacked) if one.failure is None]
    if not named:
        return [sameness.Judged(document=one, verdict=Verdict.NEW) for one in sent]
    return sameness.judge(transaction, sent, named, sameness.Wish(recipe=recipe), of_job=job.job_id)


def _items(
    transaction: Transaction, job: Job, judged: Sequence[sameness.Judged], unpacked: Sequence[Unpacked]
) -> list[Item]:
    last = transaction.execute(sa.select(sa.func.max(item_table.c.ordinal)).filter_by(job_id=job.job_id)).scalar()
    first = 0 if last is None else int(last) + 1
    items = [
        replace(
            jobs.make_item(job, first + place, one.document, one.verdict),
            description={} if origin.members is None else {MEMBERS: origin.members},
        )
        for place, (one, origin) in enumerate(zip(judged, unpacked, strict=True))
    ]
    return [one if one.verdict is Verdict.UNCHANGED else replace(one, attempt=job.attempt) for one in items]


def _hand_over(transaction: Transaction, job: Job, items: Sequence[Item]) -> None:
    """As `documents.hand_over` does for a whole job."""
    fresh = [one.document_id for one in items if one.verdict is not Verdict.UNCHANGED]
    documents.hand_over(transaction, job, fresh)
    for some in documents.in_portions(fresh):
        statement = sa.update(document_table).where(document_table.c.document_id.in_(some))
        transaction.execute(statement.values(next_version=document_table.c.next_version + 1))
    for some in documents.in_portions([one.document_id for one in items if one.verdict is Verdict.UNCHANGED]):
        statement = sa.update(document_table).where(document_table.c.document_id.in_(some))
        transaction.execute(statement.values(job_id=job.job_id))


def _count(hand: Hand, items: Sequence[Item]) -> None:
    """Let the job know of its new documents."""
    same = [one for one in items if one.verdict is Verdict.UNCHANGED]
    hand.draft.job = replace(
        hand.job,
        total_items=hand.job.total_items + len(items),
        work_total=hand.job.work_total + sum(one.work_total for one in items),
        work_done=hand.job.work_done + sum(one.work_total for one in same),
        processed_items=hand.job.processed_items + len(same),
        chunks_created=hand.job.chunks_created + sum(one.chunk_count for one in same),
    )
    changed = sum(one.verdict is Verdict.CHANGED for one in items)
    hand.count(sameness.counted(hand.transaction.connection, same).plus(Stats(documents_changed=changed)))


def _mark(hand: Hand, archive: Item, count: int, warnings: Sequence[str]) -> None:
    """Its own text is no more than the list of its members, and so is its share of the work."""
    work = max(SMALLEST_WORK, archive.work_done)
    hand.draft.job = replace(hand.job, work_total=hand.job.work_total - (archive.work_total - work))
    where = (item_table.c.job_id == archive.job_id, item_table.c.ordinal == archive.ordinal)
    hand.transaction.execute(sa.update(item_table).where(*where).values(work_total=work))
    description: Mapping[str, object] = {MEMBERS: count} | ({"warnings": list(warnings)} if warnings else {})
    hand.move(archive, replace(archive, work_total=work, description=description))


def _documents(count: int) -> str:
    return "1 document" if count == 1 else f"{count} documents"
