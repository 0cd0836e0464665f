"""The seam between the hub and the wires: how events become the messages that a server's `send` takes."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from headrace.model.event import Event

Message = dict[str, Any]
"""An ASGI message. Those of a framing are shared by all its watchers, so a server must not change them."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]


Write = Callable[[bytes], None]


class Lane(Protocol):
    """A connection as it is below its server: takes bytes at once, without a coroutine."""

    @property
    def write(self) -> Write:
        """Takes bytes even if there is no room; keeps them then."""
        ...

    def has_room(self) -> bool:
        """Whether it goes on at once; if not, messages have to be sent instead."""
        ...


def push_all(lanes: Sequence[Lane], wire: bytes, *, ask: bool) -> dict[int, Exception | None]:
    """Write the same bytes to all, whether there is room or not unless they are to be asked first.

    Tells those that did not get them: the index, and what was raised. What stands in the loop is done for each delivery
    to each watcher, where even a look costs.
    """
    left: dict[int, Exception | None] = {}
    if ask:
        left = {index: None for index, one in enumerate(lanes) if not one.has_room()}
    for index, one in enumerate(lanes):
        if left and index in left:
            continue
        try:
            one.write(wire)
        except Exception as error:  # noqa: BLE001 - a connection that is gone is its own loss, never the others'
            left[index] = error
    return left


class Prepared(dict[str, Any]):
    """A message, and the bytes that a server makes of it, for all who are written to directly."""

    __slots__ = ("wire",)

    def __init__(self, message: Message, wire: bytes) -> None:
        super().__init__(message)
        self.wire = wire


class Framing(Protocol):
    """One wire's way of telling. Built once per flush for all watchers of a stream, hence without any state of theirs.

    `heartbeat` is sent on an idle connection, if the wire needs one; `ending` after a job's last event; `closing` when
    the server stops; `refusal` when its credential is revoked. After the last three nothing is sent.
    """

    heartbeat: Message | None
    ending: Message
    closing: Message
    refusal: Message

    def encode(self, epoch: str, events: Sequence[Event]) -> Sequence[tuple[Event, Message]]:
        """The messages that carry `events`, in order, each with the last event in it."""
        ...


class Portion(NamedTuple):
    """A message, and the place in its stream that a watcher has reached when it was handed over."""

    place: int
    message: Message
    is_last: bool = False
