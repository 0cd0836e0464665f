"""Server-sent events: unnamed frames, each under the event id from which a client resumes.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Sequence
from functools import cache

from headrace.eventlog.framing import Message, Prepared, Receive, Send
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.topic import Watcher
from headrace.model.event import Event
from headrace.model.ids import JobId, UserId
from headrace.transports import requests
from headrace.transports.asgi import Scope, answer, credential, header, query, until_gone, watcher_on
from headrace.transports.direct import chunk

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Framing:
    """`retry` tells a client how many milliseconds to wait before it comes back."""

    def __init__(self, retry_seconds: float) -> None:
        self.retry = b"retry: %d\n\n" % (retry_seconds * 1000)
        self.heartbeat: Message | None = _body(b":\n\n")
        self.ending = _body(b"", more=False)
        self.closing = _body(self.retry, more=False)
        self.refusal = self.ending

    def encode(self, epoch: str, events: Sequence[Event]) -> Sequence[tuple[Event, Message]]:
        """One message for all of them."""
        lines = [f"id: {epoch}-{event.number}\ndata: {event.frame(epoch)}\n\n" for event in events]
        body = "".join(lines).encode()
        return [(events[-1], Prepared(_body(body), chunk(body)))] if events else []


def _body(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


framing = cache(Framing)
"""One for each retry time, so that all watchers share what it has encoded."""


async def serve(hub: Hub, user_id: UserId, job_id: JobId | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Stream a job's events, or all of a user's, to one client until it leaves or the job has ended.

    Raises:
        MalformedCursor, JobNotFound, Busy: before anything was sent.
    """
    cursor = header(scope, b"last-event-id") or query(scope, "after")
    topic, opening = await hub.open(Stream(user_id, job_id), cursor)
    watcher = None
    try:
        watcher = await _greet(hub, topic.epoch, opening, scope, send)
        if watcher is not None:
            watcher.credential = credential(scope)
            hub.join(topic, watcher, opening.place)
            del opening  # a snapshot of many jobs is not to be kept as long as the stream lasts
            await until_gone(receive)
    finally:
        hub.release(topic, watcher)


async def _greet(hub: Hub, epoch: str, opening: Opening, scope: Scope, send: Send) -> Watcher | None:
    """Send the head and the first frames; None when nothing is to follow, which 204 tells a client for good."""
    if opening.is_over and not opening.first:
        requests.note_answer(scope, 204)
        await answer(send, 204, requests.own_headers(), b"")
        return None
    wire = framing(hub.limits.retry_seconds)
    requests.note_answer(scope, 200)
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *requests.own_headers()]})
    first = b"".join(message["body"] for _, message in wire.encode(epoch, opening.first))
    await send(_body(wire.retry + first))
    return watcher_on(send, wire, hub.limits.send_buffer_bytes)
