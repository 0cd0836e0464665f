"""An event as a message: where it goes, what it says, and what is known of it without reading it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.model.cursor import Cursor
from headrace.model.event import Event, encode
from headrace.model.ids import JobId, UserId
from headrace.model.told import own_view
from headrace.model.vocabulary import EventType

STATUS_TYPES = frozenset({EventType.DOCUMENT_STATUS, EventType.WORKSPACE_STATUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`routing_key` is the event's type, also the name of a channel; `body` is JSON."""

    routing_key: str
    body: bytes
    event_id: str | None = None
    job_id: JobId | None = None
    user_id: UserId | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What can be read without the body; a header that does not apply is left out."""
        known = {"event_id": self.event_id, "job_id": self.job_id, "user_id": self.user_id}
        return {name: value for name, value in known.items() if value is not None}


def to_message(event: Event, epoch: str) -> Message:
    """The frame for events of jobs; the document's or the workspace's own view for the two status events."""
    frame = event.frame(epoch)
    return Message(
        routing_key=event.type.value,
        body=(encode(own_view(json.loads(frame))) if event.type in STATUS_TYPES else frame).encode(),
        event_id=str(Cursor(epoch, event.number)),
        job_id=event.job_id,
        user_id=event.user_id,
    )


def from_mapping(routing_key: str, message: Mapping[str, Any]) -> Message:
    """What an outside worker publishes."""
    return Message(
        routing_key=routing_key,
        body=encode(message).encode(),
        event_id=message.get("event_id"),
        job_id=message.get("job_id"),
        user_id=message.get("user_id"),
    )
