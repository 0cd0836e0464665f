"""A status event in the thing's own words, for whoever is not interested in jobs: Socket.IO rooms and brokers."""

from collections.abc import Mapping
from typing import Any

from headrace.model.vocabulary import EventType


def own_view(frame: Mapping[str, Any]) -> dict[str, Any]:
    """The document's or the workspace's own view of a `*.status.updated` frame, which has its `event_id`."""
    return document_view(frame) if frame["type"] == EventType.DOCUMENT_STATUS else workspace_view(frame)


def document_view(frame: Mapping[str, Any]) -> dict[str, Any]:
    """`document_status`: where a document stands, and which job brought it there, if one did."""
    return {
        "document_id": frame["document_id"],
        "user_id": frame["user_id"],
        "workspace_id": frame["workspace_id"],
        "job_id": frame["job_id"],
        "status": frame["processing_status"],
        "error": frame["processing_error"],
        "chunk_count": frame["chunk_count"],
        "metadata": frame["metadata"],
        "event_id": frame["event_id"],
        "timestamp": frame["timestamp"],
    }


def workspace_view(frame: Mapping[str, Any]) -> dict[str, Any]:
    """`workspace_status`: where a workspace stands."""
    return {
        "workspace_id": frame["workspace_id"],
        "user_id": frame["user_id"],
        "status": frame["workspace_status"],
        "message": frame["status_message"],
        "event_id": frame["event_id"],
        "timestamp": frame["timestamp"],
    }
