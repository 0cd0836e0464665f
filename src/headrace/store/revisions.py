"""Versions of documents whose bytes or metadata differ from the document's row: the next one, or an older one.

A document that is sent again, changed, is served as it was until the new version goes live; a cancelled job gives it
back as it was. Most documents have no revision at all: what they are is in their own row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from headrace.model.document import BlobRange, Document, Revision
from headrace.model.ids import DocumentId, JobId
from headrace.model.job import Item, Job
from headrace.model.vocabulary import FINAL_STATUSES, Stage, Verdict
from headrace.store.database import Transaction
from headrace.store.schema import document, item, job, revision

_PLAIN = [field.name for field in fields(Revision) if field.name != "blob"]
_TAKEN = ("content_type", "size", "blob_key", "blob_offset", "sha256", "metadata", "recipe")


def keep(transaction: Transaction, revisions: Sequence[Revision]) -> None:
    """Write what versions consist of; one that is there already is replaced."""
    transaction.execute_many(_FORGET, [{"of": one.document_id, "number": one.version} for one in revisions])
    transaction.execute_many(_KEEP, [_to_row(one) for one in revisions])


def are_in_line(transaction: Transaction, one: Document) -> bool:
    """Whether other versions with contents of their own may take effect after the one that readers see now."""
    wanted = {"of": one.document_id, "after": one.live_version or 0}
    return bool(transaction.select_prepared(_NEWER, wanted))


def are_awaited(transaction: Transaction, one: Document) -> bool:
    """Whether a job that has not ended is still to make one of these: not one that failed, and may be retried."""
    wanted = {"of": one.document_id, "after": one.live_version or 0}
    return bool(transaction.select_prepared(_AWAITED, wanted))


def of(served: Document) -> Revision | None:
    """What readers see now, to be kept while another version is made; None when they see nothing yet."""
    if served.live_version is None:
        return None
    return Revision(
        document_id=served.document_id,
        version=served.live_version,
        content_type=served.content_type,
        blob=served.blob,
        sha256=served.sha256,
        metadata=served.metadata,
        recipe=served.recipe,
    )


def applied(
    connection: sa.Connection, found: Mapping[DocumentId, Document], items: Iterable[Item]
) -> dict[DocumentId, Document]:
    """The documents as the versions of these items have them."""
    changed = {one.document_id: one.version for one in items if one.verdict is Verdict.CHANGED}
    known = {one.document_id: one for one in _select(connection, changed)}
    return {
        document_id: _as_revised(one, known[document_id]) if document_id in known else one
        for document_id, one in found.items()
    }


def take_effect(transaction: Transaction, items: Iterable[Item]) -> None:
    """Let the documents of these items, whose versions are live now, have these versions' bytes."""
    changed: dict[int, list[DocumentId]] = {}
    for one in items:
        if one.verdict is Verdict.CHANGED:
            changed.setdefault(one.version, []).append(one.document_id)
    for version, documents in changed.items():
        of_items = (document.c.document_id.in_(documents), document.c.live_version == version)
        _copy(transaction, *of_items, columns=_TAKEN[:5])


def restore(transaction: Transaction, cancelled: Job) -> None:
    """Give the documents of a cancelled job back what their live versions consist of; forget what it has made."""
    its_items = (item.c.job_id == cancelled.job_id, item.c.attempt == cancelled.attempt)
    mine = sa.select(item.c.document_id).where(*its_items, item.c.verdict == Verdict.CHANGED).scalar_subquery()
    _copy(transaction, is_held_by(cancelled.job_id), document.c.document_id.in_(mine), columns=_TAKEN)
    _forget_made(transaction, *its_items)


def is_held_by(job_id: JobId) -> sa.ColumnElement[bool]:
    """Whether a document is that job's: it was handed to none after it, or to one that ended without having made it."""
    later = document.c.job_id
    has_ended = sa.exists().where(job.c.job_id == later, job.c.status.in_(FINAL_STATUSES))
    its_part = (item.c.job_id == later, item.c.document_id == document.c.document_id)
    has_made = sa.exists().where(*its_part, item.c.stage == Stage.COMPLETED)
    return sa.or_(later == job_id, sa.and_(has_ended.correlate(document), ~has_made.correlate(document)))


def forget_all(transaction: Transaction, job_id: JobId) -> None:
    """Nobody will retry what that job has not made."""
    _forget_made(transaction, item.c.job_id == job_id)


def _forget_made(transaction: Transaction, *by: sa.ColumnElement[bool]) -> None:
    """Forget the versions of these items, but for those that readers see."""
    is_its = (item.c.document_id == revision.c.document_id, item.c.version == revision.c.version)
    made = sa.exists().where(*by, *is_its).correlate(revision)
    served = (
        sa.exists()
        .where(document.c.document_id == revision.c.document_id, document.c.live_version == revision.c.version)
        .correlate(revision)
    )
    transaction.execute(sa.delete(revision).where(made, ~served))


def forget(transaction: Transaction, document_id: DocumentId, version: int) -> None:
    """Nobody will see that version again."""
    transaction.execute_many(_FORGET, [{"of": document_id, "number": version}])


def _copy(transaction: Transaction, *which: sa.ColumnElement[bool], columns: Sequence[str]) -> None:
    is_its = (revision.c.document_id == document.c.document_id, revision.c.version == document.c.live_version)
    values = {name: sa.select(revision.c[name]).where(*is_its).scalar_subquery() for name in columns}
    has_one = sa.exists().where(*is_its).correlate(document)
    transaction.execute(sa.update(document).where(*which, has_one).values(values))


def _select(connection: sa.Connection, versions: Mapping[DocumentId, int]) -> list[Revision]:
    if not versions:
        return []
    rows = connection.execute(sa.select(revision).where(revision.c.document_id.in_(list(versions)))).mappings()
    return [_to_revision(row) for row in rows if versions[row["document_id"]] == row["version"]]


def _to_row(one: Revision) -> dict[str, Any]:
    blob = {"blob_key": one.blob.key, "blob_offset": one.blob.offset, "size": one.blob.size}
    return {name: getattr(one, name) for name in _PLAIN} | blob | {"metadata": dict(one.metadata)}


def _to_revision(row: Mapping[str, Any] | sa.RowMapping) -> Revision:
    blob = BlobRange(key=row["blob_key"], offset=row["blob_offset"], size=row["size"])
    return Revision(**{name: row[name] for name in _PLAIN}, blob=blob)


def _as_revised(one: Document, content: Revision) -> Document:
    return replace(
        one,
        content_type=content.content_type,
        blob=content.blob,
        sha256=content.sha256,
        metadata=content.metadata,
    )


_KEEP = sa.insert(revision)
_NEWER = (
    sa.select(revision.c.version)
    .where(revision.c.document_id == sa.bindparam("of"), revision.c.version > sa.bindparam("after"))
    .limit(1)
)
_AWAITED = _NEWER.join(
    item, sa.and_(item.c.document_id == revision.c.document_id, item.c.version == revision.c.version)
).where(
    item.c.stage_rank < Stage.COMPLETED.rank,
    sa.exists().where(job.c.job_id == item.c.job_id, sa.and_(*(job.c.status != one for one in FINAL_STATUSES))),
)
_FORGET = sa.delete(revision).where(
    revision.c.document_id == sa.bindparam("of"), revision.c.version == sa.bindparam("number")
)
