"""The rules of resuming, without I/O: where one is in the stream, what is new, how long to pause, when it is over.

```
        opened 200            closed, broken, 408, 429, 5xx
  start ──────────▶ reading ─────────────────────────────▶ pausing ──▶ start again, with Last-Event-ID
                       │ 204, or closed after the job's end
                       ▼
                     ended          any other 4xx, or no server or another one at the first attempt: an exception
```
"""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from headrace.client.errors import ServerUnreachable, error_from
from headrace.client.requests import stream_path
from headrace.client.sse import EventStream, Message
from headrace.model.cursor import Cursor
from headrace.model.errors import MalformedCursor
from headrace.model.vocabulary import FINAL_STATUSES, EventType

Frame: TypeAlias = dict[str, Any]

EVENT_STREAM = "text/event-stream"
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
SILENCE_SECONDS = 45.0
"""Three heartbeats without a byte: the connection is dead, whatever TCP believes."""

_COMES_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 507})


class Following:
    """One watcher's position. The shells tell it what happens on the wire; it answers with frames and pauses.

    `patience_seconds` bounds the pauses between two successes; None waits for ever. The very first attempt has none:
    a server that was never there is said at once.
    """

    def __init__(
        self,
        url: str,
        job_id: str | None,
        after: str | None = None,
        *,
        patience_seconds: float | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self.path = stream_path(job_id)
        self.has_ended = False
        self.pause_seconds = 0.0
        self._is_of_job = job_id is not None
        self._position = after
        self._at_snapshot = False
        self._saw_end = False
        self._was_open = False
        self._failures = 0
        self._paused_seconds = 0.0
        self._retry_seconds = FIRST_PAUSE_SECONDS
        self._patience_seconds = patience_seconds
        self._jitter = jitter
        self._stream = EventStream()

    def headers(self) -> dict[str, str]:
        """What to ask with now."""
        asked = {"Accept": EVENT_STREAM, "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        return asked | ({"Last-Event-ID": self._position} if self._position else {})

    def opens(self, status: int, content_type: str = EVENT_STREAM) -> bool:
        """Whether such an answer is a stream to be read; if not, call `refused` with its body."""
        self._stream = EventStream()
        self.has_ended = status == 204
        return status == 200 and content_type.startswith(EVENT_STREAM)

    def refused(self, status: int, body: bytes, retry_after: str | None) -> None:
        """An answer other than a stream: nothing more to come, a pause, or an exception."""
        if self.has_ended:
            return
        if status < 400:  # a proxy's page, or its way to a login
            self.broken(f"what answers there, with {status}, is no stream of events")
            return
        error = error_from(status, body, retry_after)
        if status not in _COMES_AGAIN:
            raise error
        self._pause(error, float(getattr(error, "retry_after_seconds", 0)))

    def feed(self, data: bytes) -> list[Frame]:
        """The frames in these bytes that were not seen before, in order."""
        frames = []
        for message in self._stream.feed(data):
            self._succeeded()
            frame = self._read(message)
            if frame is not None:
                frames.append(frame)
        return frames

    def closed(self) -> None:
        """The server ended the stream: for good after the job's end, else until it is back."""
        if self._saw_end:
            self.has_ended = True
        elif not self.has_ended:
            self._pause(ServerUnreachable(self.url, "the stream was closed"))

    def broken(self, reason: str) -> None:
        """The connection was refused, cut or silent for too long."""
        error = ServerUnreachable(self.url, reason)
        if not self._was_open:
            raise error
        self._pause(error)

    def _succeeded(self) -> None:
        self._was_open = True
        self._failures = 0
        self._paused_seconds = 0.0
        if self._stream.retry_seconds is not None:
            self._retry_seconds = min(self._stream.retry_seconds, LONGEST_PAUSE_SECONDS)

    def _pause(self, error: Exception, at_least: float = 0.0) -> None:
        grown = min(LONGEST_PAUSE_SECONDS, self._retry_seconds * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self.pause_seconds = max(at_least, grown * (0.5 + self._jitter() / 2))
        self._paused_seconds += self.pause_seconds
        if self._patience_seconds is not None and self._paused_seconds > self._patience_seconds:
            raise error

    def _read(self, message: Message) -> Frame | None:
        if message.data is None:
            self.has_ended = self._saw_end  # a heartbeat after the end: nothing follows
            return None
        frame = _object(message.data)
        return frame if frame is not None and self._is_new(frame, message.id) else None

    def _is_new(self, frame: Mapping[str, Any], sent_id: str | None) -> bool:
        """Move on to this frame, unless it has been here before."""
        if frame.get("type") == EventType.RESET:
            self._position, self._saw_end = None, False
            return True
        event_id = str(frame.get("event_id") or sent_id or "")
        # A snapshot bears the number of the newest event. Of an ended job, that event is sent after it once more.
        is_end_again = self._at_snapshot and event_id == self._position and _ends(frame)
        if not is_end_again and not _is_later(event_id, self._position):
            return False
        self._position = event_id or self._position
        self._at_snapshot = frame.get("type") == EventType.SNAPSHOT
        if self._is_of_job:
            self._saw_end = _ends(frame)
        return True


def _object(data: str) -> Frame | None:
    """What is no JSON object is no frame of ours; none where it came from elsewhere."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_later(event_id: str, position: str | None) -> bool:
    try:
        new, old = Cursor.parse(event_id), Cursor.parse(position or "")
    except MalformedCursor:
        return True  # nothing to compare with
    return new.epoch != old.epoch or new.number > old.number


def _ends(frame: Mapping[str, Any]) -> bool:
    """Whether this tells of the job's end; a retry may still follow it in the same stream."""
    return frame.get("status") in FINAL_STATUSES
