"""Long polling: wait until a stream has something newer than a client has seen."""

from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Stream
from headrace.model.ids import JobId, UserId


async def newer(hub: Hub, user_id: UserId, job_id: JobId | None, cursor: str | None, seconds: float) -> bool:
    """Whether something newer than the event id `cursor` exists, waiting at most `seconds` for it.

    True at once without a cursor, and for one that the log cannot continue from. False too when the server stops.

    Raises:
        MalformedCursor, JobNotFound, Busy: as the other transports.
    """
    topic, opening = await hub.open(Stream(user_id, job_id), cursor)
    try:
        return bool(opening.first) or opening.place < opening.head or await topic.passes(opening.place, seconds)
    finally:
        hub.release(topic)
