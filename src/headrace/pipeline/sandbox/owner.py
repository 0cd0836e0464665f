"""The owner's side of one parser process: send it an order, read what it says, never trust it."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from time import monotonic

from headrace.pipeline.extract.parts import Recognize, Unrecognized, too_much_text
from headrace.pipeline.sandbox import wire
from headrace.pipeline.sandbox.leash import Leashed, Patience, crashed
from headrace.pipeline.source import Limits, Picture, Source
from headrace.pipeline.study import Skill


class Closed(Exception):
    """The process has closed its end."""


class Child(Leashed):
    """One parser process. `sender` is whose documents alone it may still read; None for anybody's."""

    def __init__(self, channel: socket.socket, leash: socket.socket, skill: Skill) -> None:
        super().__init__(channel, leash)
        self.skill = skill
        self.born_at = monotonic()
        self.document_count = 0
        self.sender: str | None = None

    def begin(self, source: Source, order: wire.Order) -> None:
        """Tell the child to read a document; it goes on by itself as far as nobody must listen."""
        self.document_count += 1
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # A child that died idle shows by its silence, like any other.
            with contextlib.suppress(ConnectionError):
                socket.send_fds(self.channel, [wire.packed_order(order)], [descriptor])
        finally:
            os.close(descriptor)

    def messages(
        self, order: wire.Order, limits: Limits, stop: Callable[[], bool], recognize: Recognize | None = None
    ) -> Iterator[wire.Message | bytes]:
        """All that the child says of the document that it was told to read, checked; members of archives as bytes.

        Raises DocumentError with what the child reports or what became of it, Superseded when stopped, NurseryDied.
        """
        inbox, size = Inbox(self, Patience(limits.seconds, stop)), 0
        while True:
            try:
                message = inbox.message()
                if isinstance(message, wire.Drawing):
                    self._answer(inbox, message, limits, recognize)
                    continue
                if isinstance(message, wire.Passage) and not order.brief.allows(message.section.text, message.spans):
                    raise crashed()
                told = inbox.taken(message.size) if isinstance(message, wire.Piece) else message
            except wire.Malformed as error:
                raise crashed() from error
            except Closed:
                raise self.verdict(limits) or crashed() from None
            yield told
            if isinstance(told, wire.Finished):
                return
            size += size_of(told)
            if size > limits.max_unpacked_bytes:
                raise too_much_text(limits)

    def _answer(self, inbox: "Inbox", drawing: wire.Drawing, limits: Limits, recognize: Recognize | None) -> None:
        """Have a picture read; the time that this takes is not the parser's."""
        if recognize is None or not 0 < drawing.width * drawing.height <= limits.max_pixels:
            raise wire.Malformed
        pixels = inbox.taken(drawing.width * drawing.height)
        try:
            text, problem = recognize(Picture(width=drawing.width, height=drawing.height, pixels=pixels)), None
        except Unrecognized as error:
            text, problem = "", str(error)
        self.send(wire.packed_answer(text, problem), inbox.patience)


class Inbox:
    """What a child has sent and nobody has read yet."""

    def __init__(self, child: Leashed, patience: Patience) -> None:
        self._child = child
        self._pending = bytearray()
        self.patience = patience

    def message(self) -> wire.Message:
        """The next one. Raises Closed, Malformed, or the DocumentError that the child reports."""
        (length,) = wire.LENGTH.unpack(self.taken(wire.LENGTH.size))
        if length > wire.MAX_FRAME_BYTES:
            raise wire.Malformed
        return wire.parsed(self.taken(length))

    def taken(self, size: int) -> bytes:
        """The next bytes."""
        while len(self._pending) < size:
            block = self._child.receive(self.patience)
            if not block:
                raise Closed
            self._pending += block
        data = bytes(self._pending[:size])
        del self._pending[:size]
        return data


def size_of(told: wire.Message | bytes) -> int:
    """What counts against the limit: characters of text, bytes of members."""
    if isinstance(told, wire.Passage):
        return len(told.section.text)
    return len(told) if isinstance(told, bytes) else 0
