"""WebSocket: each frame is a text message. What a client sends is ignored."""

from collections.abc import Sequence

from headrace.eventlog.framing import Message, Prepared, Receive, Send
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.topic import Watcher
from headrace.model.event import Event
from headrace.model.ids import JobId, UserId
from headrace.transports import requests
from headrace.transports.asgi import Scope, credential, query, until_gone, watcher_on
from headrace.transports.direct import text_frame

SWITCHING_PROTOCOLS = 101
NORMAL_CLOSURE = 1000
SERVICE_RESTART = 1012
"""https://www.iana.org/assignments/websocket"""

UNAUTHORIZED = 4401
"""Of the range for private use: do not come back with the same token."""


class Framing:
    """The server itself pings, so no heartbeat is needed."""

    def __init__(self) -> None:
        self.heartbeat: Message | None = None
        self.ending = _close(NORMAL_CLOSURE, "the job has ended")
        self.closing = _close(SERVICE_RESTART, "come back in a moment")
        self.refusal = _close(UNAUTHORIZED, "the token is not valid any more")

    def encode(self, epoch: str, events: Sequence[Event]) -> Sequence[tuple[Event, Message]]:
        """One message for each event."""
        frames = [(event, event.frame(epoch)) for event in events]
        return [
            (event, Prepared({"type": "websocket.send", "text": text}, text_frame(text.encode())))
            for event, text in frames
        ]


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": code, "reason": reason}


framing = Framing()


async def serve(hub: Hub, user_id: UserId, job_id: JobId | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Stream a job's events, or all of a user's, until the client leaves or the job has ended.

    The handshake's first message has been received already.

    Raises:
        MalformedCursor, JobNotFound, Busy: before anything was sent.
    """
    topic, opening = await hub.open(Stream(user_id, job_id), query(scope, "after"))
    watcher = None
    try:
        watcher = await _greet(hub, topic.epoch, opening, scope, send)
        watcher.credential = credential(scope)
        hub.join(topic, watcher, opening.place)
        del opening
        await until_gone(receive)
    finally:
        hub.release(topic, watcher)


async def _greet(hub: Hub, epoch: str, opening: Opening, scope: Scope, send: Send) -> Watcher:
    requests.note_answer(scope, SWITCHING_PROTOCOLS)
    await send({"type": "websocket.accept", "headers": requests.own_headers()})
    watcher = watcher_on(send, framing, hub.limits.send_buffer_bytes)
    for _, message in framing.encode(epoch, opening.first):
        await send(message)
    return watcher
