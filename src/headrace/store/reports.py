"""What an outside worker reports of a document or a workspace: its row and the event that tells of it, together.

Such an event belongs to no job, even while a job has the document in hand: it is the outside worker's word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from headrace.model.document import Document, Workspace
from headrace.model.event import document_frame, workspace_frame
from headrace.model.ids import UserId
from headrace.model.vocabulary import ProcessingStatus, WorkspaceStatus
from headrace.store import record, rows
from headrace.store.database import Transaction
from headrace.store.schema import document, workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReport:
    """Where a document stands. `error` replaces the last one, `metadata` is merged, no `chunk_count` leaves it.

    Raises:
        ValueError: there are fewer chunks than none.
    """

    status: ProcessingStatus
    error: str | None = None
    chunk_count: int | None = None
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.chunk_count is not None and self.chunk_count < 0:
            raise ValueError(f"chunk_count must be 0 or more, not {self.chunk_count}")


def report_document(
    transaction: Transaction, document_id: str, report: DocumentReport, *, user_id: UserId | None = None
) -> tuple[Document, int] | None:
    """The document as it is now and the number of the event; None if there is none, or none of that user's."""
    mine = [document.c.document_id == document_id, document.c.deleted_at.is_(None)]
    if user_id is not None:
        mine.append(document.c.user_id == user_id)
    row = _lock(transaction, document, mine, {"updated_at": transaction.now})
    if row is None:
        return None
    before = rows.to_document(row)
    after = replace(
        before,
        processing_status=report.status,
        processing_error=report.error,
        chunk_count=before.chunk_count if report.chunk_count is None else report.chunk_count,
        metadata={**before.metadata, **(report.metadata or {})},
    )
    values = {
        "processing_status": after.processing_status,
        "processing_error": after.processing_error,
        "chunk_count": after.chunk_count,
        "metadata": dict(after.metadata),
    }
    transaction.execute(sa.update(document).where(*mine).values(values))
    return after, record.append(transaction, after.user_id, [document_frame(after, transaction.now)])


def report_workspace(
    transaction: Transaction, workspace_id: str, status: WorkspaceStatus, message: str | None = None
) -> tuple[Workspace, int] | None:
    """The workspace as it is now and the number of the event; None if there is none."""
    mine = [workspace.c.workspace_id == workspace_id, workspace.c.deleted_at.is_(None)]
    row = _lock(transaction, workspace, mine, {"status": status, "status_message": message})
    if row is None:
        return None
    after = rows.to_workspace(row)
    return after, record.append(transaction, after.user_id, [workspace_frame(after, transaction.now)])


def _lock(
    transaction: Transaction, table: sa.Table, mine: list[sa.ColumnElement[bool]], values: Mapping[str, Any]
) -> sa.RowMapping | None:
    """Write `values` and read the row back: the one way to lock a row that SQLite and Postgres share."""
    statement = sa.update(table).where(*mine).values(values).returning(*table.c)
    return transaction.execute(statement).mappings().one_or_none()
