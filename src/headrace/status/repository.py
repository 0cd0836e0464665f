"""Where a status is written: the seam that a worker's tests replace, and the one that writes to Headrace's database."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from headrace.model.cursor import Cursor
from headrace.model.document import Document, Workspace
from headrace.model.vocabulary import ProcessingStatus, WorkspaceStatus
from headrace.store import borrowed, reports
from headrace.store.database import Transaction
from headrace.store.schema.columns import ID

D = TypeVar("D")
W = TypeVar("W")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedDocument(Document):
    """A document as it is after a report, and the event that tells of it."""

    event_id: str
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedWorkspace(Workspace):
    """A workspace as it is after a report, and the event that tells of it."""

    event_id: str
    reported_at: datetime


class StatusRepository(ABC, Generic[D, W]):
    """Writes a status and gives back the thing as it is now, or None when there is no such thing."""

    @abstractmethod
    def update_document_status(
        self,
        document_id: str,
        status: ProcessingStatus,
        error: str | None = None,
        chunk_count: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> D | None:
        """`error` replaces the last one, `metadata` is merged into what is there, no `chunk_count` leaves it."""

    @abstractmethod
    def update_workspace_status(
        self, workspace_id: str, status: WorkspaceStatus, message: str | None = None
    ) -> W | None:
        """`message` replaces the last one."""


class SqlStatusRepository(StatusRepository[ReportedDocument, ReportedWorkspace]):
    """Writes to Headrace's database through a session of the caller's own engine, SQLite or Postgres.

    Each call is one transaction: the row, and the numbered event that tells of it. It is committed when the call
    returns, with whatever else the session held. As a session, it is for one thread at a time.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def update_document_status(  # noqa: D102
        self,
        document_id: str,
        status: ProcessingStatus,
        error: str | None = None,
        chunk_count: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ReportedDocument | None:
        report = reports.DocumentReport(
            status=ProcessingStatus(status), error=error, chunk_count=chunk_count, metadata=metadata
        )

        def change(transaction: Transaction) -> ReportedDocument | None:
            found = reports.report_document(transaction, str(document_id), report)
            if found is None:
                return None
            return ReportedDocument(**_values(found[0]), **_event(transaction, found[1]))

        return borrowed.write(self._session, change) if _may_be_id(document_id) else None

    def update_workspace_status(  # noqa: D102
        self, workspace_id: str, status: WorkspaceStatus, message: str | None = None
    ) -> ReportedWorkspace | None:
        def change(transaction: Transaction) -> ReportedWorkspace | None:
            found = reports.report_workspace(transaction, str(workspace_id), WorkspaceStatus(status), message)
            if found is None:
                return None
            return ReportedWorkspace(**_values(found[0]), **_event(transaction, found[1]))

        return borrowed.write(self._session, change) if _may_be_id(workspace_id) else None


def _may_be_id(given: object) -> bool:
    """Whether a database can be asked for it: Postgres refuses to compare a text that has a NUL."""
    text = str(given)
    return len(text) <= (ID.length or 0) and "\0" not in text


def _values(thing: Document | Workspace) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in fields(thing)}


def _event(transaction: Transaction, number: int) -> dict[str, Any]:
    return {"event_id": str(Cursor(borrowed.read_epoch(transaction), number)), "reported_at": transaction.now}
