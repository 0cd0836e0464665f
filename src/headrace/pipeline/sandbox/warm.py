"""The owner's side of the warm process: start it, have it fork, end it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict

from headrace.pipeline.extract import Format
from headrace.pipeline.sandbox import recognition, wire
from headrace.pipeline.sandbox.leash import Leashed, NurseryDied
from headrace.pipeline.sandbox.owner import Child
from headrace.pipeline.sandbox.recognition import Recognizer
from headrace.pipeline.source import Limits
from headrace.pipeline.study import Skill

START_SECONDS, EXIT_SECONDS = 60.0, 5.0
# Nothing else of the owner's environment reaches a parser: keys and database addresses live there.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class WarmProcess:
    """One process with all parsers imported (about 0.4 s), from which each child is forked in milliseconds.

    What it takes to cut and to describe (0.7 s, 110 MB) it loads when a child that can do so is first asked for.

    It is a fresh interpreter and not multiprocessing's fork server: that one imports the program's main module again
    in every child and hands the environment down.
    """

    def __init__(self, formats: Mapping[str, Format], limits: Limits, recognizer: Recognizer | None = None) -> None:
        self._control, theirs = socket.socketpair()
        self._is_ready = False
        self._skill = Skill.PARSES
        program = {"command": recognizer.command, "environment": recognition.environment()} if recognizer else None
        declared = {name: asdict(each) for name, each in formats.items()}
        configuration = {"limits": asdict(limits), "formats": declared, "recognizer": program}
        command = [
            sys.executable,
            "-P",
            "-m",
            f"{__package__}.nursery",
            str(theirs.fileno()),
            json.dumps(configuration),
        ]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own module)
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for the owner
            )

    def fork(self, skill: Skill) -> Child:
        """A new parser. Not thread-safe; waits for the imports, the first time. Raises NurseryDied."""
        return Child(*self._fork(wire.PARSER, skill), self._skill)

    def fork_recognizer(self) -> Leashed:
        """A new process that reads one picture. Not thread-safe. Raises NurseryDied."""
        return Leashed(*self._fork(wire.RECOGNIZER))

    def _fork(self, kind: bytes, skill: Skill = Skill.PARSES) -> tuple[socket.socket, socket.socket]:
        """The channel to a new process, and its leash."""
        try:
            if not self._is_ready:
                self._await_ready()
                self._is_ready = True
            if skill > self._skill:
                self._control.sendall(bytes([skill]))
                self._await_ready()
                self._skill = skill
            return self._forked(kind)
        except OSError as error:
            raise NurseryDied from error

    def _await_ready(self) -> None:
        """No document's time: the limits begin with its child."""
        self._control.settimeout(START_SECONDS)
        if self._control.recv(1) != wire.READY:
            raise ConnectionError

    def _forked(self, kind: bytes) -> tuple[socket.socket, socket.socket]:
        channel, channel_of_child = socket.socketpair()
        leash, leash_of_child = socket.socketpair()
        with channel_of_child, leash_of_child:
            try:
                socket.send_fds(self._control, [kind], [channel_of_child.fileno(), leash_of_child.fileno()])
            except BaseException:
                channel.close()
                leash.close()
                raise
        return channel, leash

    def has_died(self) -> bool:
        """Whether the process has ended; waits a moment, since its sockets close before it is gone."""
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """End the process, and with it all of its children. Harmless on a repeat."""
        self._control.close()
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment() -> dict[str, str]:
    """What a parser may know of its surroundings; modules are found where this process finds them."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
