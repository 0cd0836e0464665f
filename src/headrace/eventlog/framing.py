"""The seam between the hub and the wires: how events become the messages that a server's `send` takes."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from headrace.model.event import Event

Message = dict[str, Any]
"""An ASGI message. Those of a framing are shared by all its watchers, so a server must not change them."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]

Push = Callable[[Message], bool]
"""Hands a message over at once, without a coroutine; False when it has to be sent instead."""


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
