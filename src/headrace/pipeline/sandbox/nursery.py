"""The warm process that parsers are forked from: everything imported, nothing yet read. `python -m` runs it.

It speaks with its one owner over a socket pair: each message brings two sockets, the new child's channel and its leash,
and says whether it is to parse documents or to become the program that recognizes text in pictures.
A leash is held by the owner and by this process. The owner lets go of it (or dies), and the child is killed; the child
ends, and its exit status goes over the leash. So nobody but its parent names a child by a number that may be reused.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn

from headrace.pipeline.extract import Extractor, Format, load
from headrace.pipeline.sandbox import cage, child, wire
from headrace.pipeline.source import Limits
from headrace.pipeline.study import Skill, prepare

STANDARD_ERROR, CHANNEL = 2, 3
NICENESS = 5
"""Of parsers beyond their owner's: it hears them, saves what they say and goes on, so it comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run to read pictures; the first of the command is a path."""

    command: list[str]
    environment: dict[str, str]


class Nursery:
    """Forks, watches and buries parsers; single-threaded, so that forking is safe."""

    def __init__(
        self,
        control: socket.socket,
        formats: dict[str, tuple[Format, Extractor]],
        limits: Limits,
        recognizer: Program | None,
    ) -> None:
        self._control, self._formats, self._limits = control, formats, limits
        self._recognizer = recognizer
        self._leashes: dict[int, socket.socket] = {}
        self._born_with_bytes: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)

    def run(self) -> None:
        """Until the owner closes the control socket or dies; then all children are killed."""
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._take_message():
                        self._kill_all()
                        return
                elif key.fileobj is self._woken:
                    self._bury()
                else:
                    self._kill(key.data)

    def _take_message(self) -> bool:
        """Fork a child for the two sockets that came; False when the owner is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        except ConnectionResetError:  # killed with something of ours unread
            return False
        if not message:
            return False
        if not descriptors:
            self._learn(Skill(message[0]))
            return True
        channel, leash = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0 and message == wire.PARSER:
            self._become_child(channel, parent)
        if pid == 0:
            self._become_recognizer(channel, parent)
        channel.close()
        self._leashes[pid] = leash
        self._born_with_bytes[pid] = cage.resident_bytes(pid)
        self._selector.register(leash, selectors.EVENT_READ, pid)
        return True

    def _learn(self, skill: Skill) -> None:
        """Load what children with that skill will need."""
        prepare(skill)
        settle()
        self._control.sendall(wire.READY)

    def _become_child(self, channel: socket.socket, parent: int) -> NoReturn:
        """The child keeps its channel and no other descriptor of this process."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            cage.die_with_parent(parent)
            os.dup2(os.open(os.devnull, os.O_RDWR), STANDARD_ERROR)  # native parsers print as they like
            os.dup2(channel.fileno(), CHANNEL)
            os.closerange(CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
            born_with_bytes = cage.resident_bytes()
            cage.confine(self._limits)
            has_ocr, mine = self._recognizer is not None, socket.socket(fileno=CHANNEL)
            child.serve(mine, self._formats, self._limits, has_ocr=has_ocr, born_with_bytes=born_with_bytes)
            status = 0
        finally:
            os._exit(status)

    def _become_recognizer(self, channel: socket.socket, parent: int) -> NoReturn:
        """Turn into the program that reads pictures; its input and output are the channel."""
        try:
            program = self._recognizer
            signal.set_wakeup_fd(-1)
            cage.die_with_parent(parent)
            os.dup2(os.open(os.devnull, os.O_RDWR), STANDARD_ERROR)
            for descriptor in (0, 1):
                os.dup2(channel.fileno(), descriptor)
            os.closerange(STANDARD_ERROR + 1, os.sysconf("SC_OPEN_MAX"))
            if program is not None:
                cage.confine_program(program.command[0], self._limits)
                os.execve(program.command[0], program.command, program.environment)  # noqa: S606  (no shell)
        finally:
            os._exit(1)

    def _bury(self) -> None:
        """Reap every child that has ended and tell its owner."""
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while self._leashes:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            self._release(leash := self._leashes.pop(pid))
            grown_bytes = cage.peak_bytes(usage) - self._born_with_bytes.pop(pid)
            with leash, contextlib.suppress(ConnectionError, BlockingIOError):
                leash.send(wire.OBITUARY.pack(status, grown_bytes))

    def _kill(self, pid: int) -> None:
        """The owner has let go. The leash stays until the child is buried, but is no longer watched."""
        if pid in self._leashes:  # else it ended by itself, and was buried, in this very round of the selector
            self._release(self._leashes[pid])
            os.kill(pid, signal.SIGKILL)

    def _release(self, leash: socket.socket) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(leash)

    def _kill_all(self) -> None:
        for pid in self._leashes:
            os.kill(pid, signal.SIGKILL)
        for pid in self._leashes:
            os.waitpid(pid, 0)


def settle() -> None:
    """Keep what is loaded out of the garbage collector's way: children share its pages while nobody counts through."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """`nursery CONTROL_DESCRIPTOR CONFIGURATION`, the latter JSON: `limits`, `formats` and `recognizer`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    configuration = json.loads(sys.argv[2])
    formats = {name: Format(**fields) for name, fields in configuration["formats"].items()}
    loaded = {name: (format_, load(format_.extractor)) for name, format_ in formats.items()}
    cage.prepare()
    os.nice(NICENESS)
    for signal_number in (signal.SIGINT, signal.SIGTERM):  # the owner decides when to stop, by closing the socket
        signal.signal(signal_number, signal.SIG_IGN)
    settle()
    control.sendall(wire.READY)
    recognizer = configuration["recognizer"]
    program = Program(**recognizer) if recognizer else None
    Nursery(control, loaded, Limits(**configuration["limits"]), program).run()


if __name__ == "__main__":
    main()
