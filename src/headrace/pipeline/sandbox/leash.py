"""The owner's hold on one process of the nursery: hear what it says, wait for it with patience, end it."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from time import monotonic

from headrace.model.errors import DocumentError, Superseded
from headrace.pipeline.sandbox import wire
from headrace.pipeline.sandbox.cage import is_strained
from headrace.pipeline.source import Limits

POLL_SECONDS = 0.1
BURIAL_SECONDS = 5.0
RECEIVE_BYTES = 1 << 18


class NurseryDied(Exception):
    """The process that parsers are forked from has ended; no fault of the document."""


class Patience:
    """How long an owner still waits: for `seconds` in all, and while `stop` says no."""

    def __init__(self, seconds: float, stop: Callable[[], bool]) -> None:
        self._left, self.stop = seconds, stop
        self._polled_at = monotonic()

    def spend(self, seconds: float) -> None:
        """Raises Superseded once stopped, DocumentError `timeout` once the time is over."""
        self._left -= seconds
        now = monotonic()
        if now - self._polled_at >= POLL_SECONDS:
            self._polled_at = now
            if self.stop():
                raise Superseded("the work was stopped")
        if self._left <= 0:
            raise took_too_long()


class Leashed:
    """A process and the two sockets to it. Not thread-safe; whoever holds it may kill it at any time."""

    def __init__(self, channel: socket.socket, leash: socket.socket) -> None:
        self.channel, self._leash = channel, leash
        self.channel.settimeout(POLL_SECONDS)
        self._leash.settimeout(BURIAL_SECONDS)

    def receive(self, patience: Patience) -> bytes:
        """The next bytes; none when the process has closed its end."""
        while True:
            started_at = monotonic()
            try:
                return self.channel.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue
            except ConnectionError:
                return b""
            finally:
                patience.spend(monotonic() - started_at)

    def send(self, data: bytes, patience: Patience) -> None:
        """All of it, unless the process has closed its end, which shows when it is heard."""
        view = memoryview(data)
        while view:
            started_at = monotonic()
            try:
                view = view[self.channel.send(view) :]
            except TimeoutError:
                continue
            except ConnectionError:
                return
            finally:
                patience.spend(monotonic() - started_at)

    def finish_sending(self) -> None:
        """Let the process read the end of what was sent."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def verdict(self, limits: Limits) -> Exception | None:
        """What became of a process that has closed its end; None if it ended well."""
        data = self._last_words()
        if not data:
            return NurseryDied()
        status, grown_bytes = wire.OBITUARY.unpack(data)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return took_too_long()
        if status and is_strained(grown_bytes, limits):
            return DocumentError("out_of_memory", "reading the document takes more memory than is allowed; split it")
        return crashed() if status else None

    def _last_words(self) -> bytes:
        """The process's obituary, none when the nursery died with it."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            return self._leash.recv(wire.OBITUARY.size)
        return b""

    def kill(self) -> None:
        """End the process, whatever it does; it is gone when this returns. Harmless on a repeat."""
        self.channel.close()
        if self._leash.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._leash.shutdown(socket.SHUT_WR)
            self._last_words()
            self._leash.close()


def crashed() -> DocumentError:
    """It broke, was killed from outside, or talks nonsense."""
    return DocumentError(
        "parser_crashed", "the document made its parser crash; save it again in another format and retry"
    )


def took_too_long() -> DocumentError:
    """The time limit, met."""
    return DocumentError("timeout", "reading the document takes longer than is allowed; split it into smaller files")
