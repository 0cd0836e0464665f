"""The owner's side of one parser process: send it an order, read what it says, never trust it, end it."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from time import monotonic

from headrace.model.errors import DocumentError, Superseded
from headrace.pipeline.extract.parts import too_much_text
from headrace.pipeline.sandbox import wire
from headrace.pipeline.sandbox.cage import is_strained
from headrace.pipeline.source import Limits, Source

POLL_SECONDS = 0.1
BURIAL_SECONDS = 5.0
RECEIVE_BYTES = 1 << 18


class NurseryDied(Exception):
    """The process that parsers are forked from has ended; no fault of the document."""


class Patience:
    """How long an owner still waits: for `seconds` in all, and while `stop` says no."""

    def __init__(self, seconds: float, stop: Callable[[], bool]) -> None:
        self._left, self._stop = seconds, stop
        self._polled_at = monotonic()

    def spend(self, seconds: float) -> None:
        """Raises Superseded once stopped, DocumentError `timeout` once the time is over."""
        self._left -= seconds
        now = monotonic()
        if now - self._polled_at >= POLL_SECONDS:
            self._polled_at = now
            if self._stop():
                raise Superseded("the work was stopped")
        if self._left <= 0:
            raise took_too_long()


class Child:
    """One parser process. Not thread-safe; whoever holds it may kill it at any time."""

    def __init__(self, channel: socket.socket, leash: socket.socket) -> None:
        self._channel, self._leash = channel, leash
        self._channel.settimeout(POLL_SECONDS)
        self._leash.settimeout(BURIAL_SECONDS)
        self.born_at = monotonic()
        self.document_count = 0

    def messages(
        self, source: Source, first_section: int, limits: Limits, stop: Callable[[], bool]
    ) -> Iterator[wire.Message]:
        """Have the child read a document, and check all that it says.

        Raises DocumentError with what the child reports or what became of it, Superseded when stopped, NurseryDied.
        """
        self.document_count += 1
        self._send(source, first_section)
        patience, character_count = Patience(limits.seconds, stop), 0
        for data in self._frames(patience, limits):
            try:
                message = wire.parsed(data)
            except wire.Malformed as error:
                raise crashed() from error
            yield message
            if isinstance(message, wire.Finished):
                return
            if isinstance(message, wire.Passage):
                character_count += len(message.section.text)
            if character_count > limits.max_unpacked_bytes:
                raise too_much_text(limits)

    def _send(self, source: Source, first_section: int) -> None:
        order = wire.Order(
            offset=source.offset, size=source.size, content_type=source.content_type, first_section=first_section
        )
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # A child that died idle shows by its silence, like any other.
            with contextlib.suppress(ConnectionError):
                socket.send_fds(self._channel, [wire.packed_order(order)], [descriptor])
        finally:
            os.close(descriptor)

    def _frames(self, patience: Patience, limits: Limits) -> Iterator[bytes]:
        """The data of each frame, as it comes."""
        pending = bytearray()
        while True:
            while len(pending) < wire.LENGTH.size or len(pending) < (end := frame_end(pending)):
                block = self._receive(patience)
                if not block:
                    raise self._verdict(limits)
                pending += block
            yield bytes(pending[wire.LENGTH.size : end])
            del pending[:end]

    def _receive(self, patience: Patience) -> bytes:
        """The next bytes; none when the child has closed its end."""
        while True:
            started_at = monotonic()
            try:
                return self._channel.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue
            except ConnectionError:
                return b""
            finally:
                patience.spend(monotonic() - started_at)

    def _verdict(self, limits: Limits) -> Exception:
        """What became of a child that ended before its document did."""
        data = self._last_words()
        if not data:
            return NurseryDied()
        status, peak_bytes = wire.OBITUARY.unpack(data)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return took_too_long()
        if status and is_strained(peak_bytes, limits):
            return DocumentError("out_of_memory", "reading the document takes more memory than is allowed; split it")
        return crashed()

    def _last_words(self) -> bytes:
        """The child's obituary, none when the nursery died with it."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            return self._leash.recv(wire.OBITUARY.size)
        return b""

    def kill(self) -> None:
        """End the process, whatever it does; it is gone when this returns. Harmless on a repeat."""
        self._channel.close()
        if self._leash.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._leash.shutdown(socket.SHUT_WR)
            self._last_words()
            self._leash.close()


def frame_end(pending: bytearray) -> int:
    """Where the first frame ends. Raises DocumentError for a length that no parser of ours sends."""
    length: int = wire.LENGTH.unpack_from(pending)[0]
    if length > wire.MAX_FRAME_BYTES:
        raise crashed()
    return length + wire.LENGTH.size


def crashed() -> DocumentError:
    """It broke, was killed from outside, or talks nonsense."""
    return DocumentError(
        "parser_crashed", "the document made its parser crash; save it again in another format and retry"
    )


def took_too_long() -> DocumentError:
    """The time limit, met."""
    return DocumentError("timeout", "reading the document takes longer than is allowed; split it into smaller files")
