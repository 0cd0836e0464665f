"""Reports a status and, if asked to, tells a broker of it at once."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from headrace.model.event import document_frame, instant, workspace_frame
from headrace.model.told import own_view
from headrace.model.vocabulary import EventType, ProcessingStatus, WorkspaceStatus
from headrace.status.repository import ReportedDocument, ReportedWorkspace, StatusRepository
from headrace.status.result import Err, Ok, Result

logger = logging.getLogger(__name__)

D = TypeVar("D")
W = TypeVar("W")


class MessagePublisher(Protocol):
    """Sends one message to a broker; `headrace.messaging.RabbitMQPublisher` is one."""

    def publish(self, routing_key: str, message: Mapping[str, Any]) -> None:
        """Return when the broker has taken it."""
        ...


class StatusService(Generic[D, W]):
    """What a worker calls. What cannot be found is an `Err`; what is broken (no database) is raised.

    A publisher is needed only where no server sends the log on to the broker. Where both do, consumers get the same
    event twice, under the same `event_id`. A publisher that fails is logged and changes nothing: the report is in the
    log.
    """

    def __init__(
        self, status_repository: StatusRepository[D, W], message_publisher: MessagePublisher | None = None
    ) -> None:
        self._repository = status_repository
        self._publisher = message_publisher

    def update_document_status(
        self,
        document_id: str,
        status: ProcessingStatus,
        error: str | None = None,
        chunk_count: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Result[D, str]:
        """Say where a document stands; `Ok` has the document as it is now."""
        document = self._repository.update_document_status(
            document_id=document_id, status=status, error=error, chunk_count=chunk_count, metadata=metadata
        )
        if document is None:
            return Err(f"document {str(document_id)[:80]!r} not found")
        told = {"document_id": str(document_id), "status": status, "error": error}
        self._publish(EventType.DOCUMENT_STATUS, document, told | {"chunk_count": chunk_count, "metadata": metadata})
        return Ok(document)

    def update_workspace_status(
        self, workspace_id: str, status: WorkspaceStatus, message: str | None = None
    ) -> Result[W, str]:
        """Say where a workspace stands; `Ok` has the workspace as it is now."""
        workspace = self._repository.update_workspace_status(workspace_id=workspace_id, status=status, message=message)
        if workspace is None:
            return Err(f"workspace {str(workspace_id)[:80]!r} not found")
        told = {"workspace_id": str(workspace_id), "status": status, "message": message}
        self._publish(EventType.WORKSPACE_STATUS, workspace, told)
        return Ok(workspace)

    def _publish(self, kind: EventType, thing: object, told: Mapping[str, Any]) -> None:
        """Publish the same view that the log's own relay does; of another repository's things, what was `told`."""
        if self._publisher is None:
            return
        try:
            self._publisher.publish(kind.value, _view(thing) or {**told, "timestamp": instant(datetime.now(UTC))})
        except Exception:  # a boundary: the publisher is the caller's, and the report is committed
            logger.exception("a reported status could not be published; it is in the log")


def _view(thing: object) -> dict[str, Any] | None:
    if isinstance(thing, ReportedDocument):
        return own_view(document_frame(thing, thing.reported_at) | {"event_id": thing.event_id})
    if isinstance(thing, ReportedWorkspace):
        return own_view(workspace_frame(thing, thing.reported_at) | {"event_id": thing.event_id})
    return None
