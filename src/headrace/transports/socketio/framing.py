"""Events as Socket.IO packets: each under one name, encoded once for everyone who is up to date.

`document_status` and `workspace_status` carry the thing's own view, in its own words: `status` is the document's, not
the job's. Beside it they have every member of the frame that the view lacks, `type` and `seq` among them. So a client
that knows nothing of jobs reads the view alone, and one that follows a job finds each of its numbers, none missing.
"""

import json
from collections.abc import Sequence

from engineio.packet import MESSAGE, Packet

from headrace.eventlog.framing import Message, Prepared
from headrace.model.event import Event, encode
from headrace.model.told import own_view
from headrace.model.vocabulary import EventType
from headrace.transports.direct import text_frame

NAMES = {EventType.DOCUMENT_STATUS: "document_status", EventType.WORKSPACE_STATUS: "workspace_status"}
JOB_EVENT = "job_event"
"""The name of all others; of snapshots and resets, too."""

EVENT = "2"
DISCONNECT = "1"
"""https://socket.io/docs/v4/socket-io-protocol/#packet-types"""


class Framing:
    """Messages for an `Outbox`: a packet, and whether the connection ends with it.

    A connection that just ends is one that clients come back from by themselves; after a `disconnect` they stay away.
    """

    def __init__(self) -> None:
        self.heartbeat: Message | None = None  # the protocol has its own
        self.ending = self.closing = {"packet": None, "is_last": True}
        self.refusal = {"packet": Packet(MESSAGE, DISCONNECT), "is_last": True}

    def encode(self, epoch: str, events: Sequence[Event]) -> Sequence[tuple[Event, Message]]:
        """One message for each event."""
        return [(event, prepared(packet(epoch, event))) for event in events]


def prepared(one: Packet) -> Prepared:
    """The message for a packet after which more is to come."""
    return Prepared({"packet": one, "is_last": False}, text_frame(one.encode().encode()))


def packet(epoch: str, event: Event) -> Packet:
    """An event in the packet that carries it; how it looks on the wire is remembered in there."""
    name = NAMES.get(event.type, JOB_EVENT)
    return Packet(MESSAGE, f'{EVENT}["{name}",{payload(epoch, event)}]')


def payload(epoch: str, event: Event) -> str:
    """What comes with the name: the frame, below the own view of what it is about if that is no job."""
    frame = event.frame(epoch)
    if event.type not in NAMES:
        return frame
    members = json.loads(frame)
    return encode(members | own_view(members))


framing = Framing()
