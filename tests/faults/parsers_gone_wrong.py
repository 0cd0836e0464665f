"""Extractors that do what a document in command of its parser would do. Run only in a parser's process."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from headrace.model.document import Section
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.sandbox import wire
from headrace.pipeline.source import Limits, Outline


def parsed(text: str) -> Parsed:
    return Parsed(outline=Outline(), parts=iter([Part(text=text, fraction=1.0)]))


def sleep_forever(file: BinaryIO, limits: Limits) -> Parsed:
    time.sleep(3600)
    return parsed("never")


def spin_forever(file: BinaryIO, limits: Limits) -> Parsed:
    while True:
        pass


def eat_memory(file: BinaryIO, limits: Limits) -> Parsed:
    return parsed("x" * (1 << 40))


def crash(file: BinaryIO, limits: Limits) -> Parsed:
    ctypes.string_at(0)
    return parsed("never")


def exit_early(file: BinaryIO, limits: Limits) -> Parsed:
    os._exit(0)


def raise_oddly(file: BinaryIO, limits: Limits) -> Parsed:
    raise KeyError("/secret/path")


def talk_nonsense(file: BinaryIO, limits: Limits) -> Parsed:
    os.write(3, b"\x00\x00\x00\x05hello")
    return parsed("never")


def announce_a_gigabyte(file: BinaryIO, limits: Limits) -> Parsed:
    os.write(3, b"\x40\x00\x00\x00")
    time.sleep(3600)
    return parsed("never")


def cut_where_no_text_is(file: BinaryIO, limits: Limits) -> Parsed:
    os.write(3, wire.packed_outline(Outline()) + wire.packed_passage(Section(text="short"), 0.5, [(0, 900)]))
    return parsed("never")


def cut_without_end(file: BinaryIO, limits: Limits) -> Parsed:
    os.write(3, wire.packed_outline(Outline()) + wire.packed_passage(Section(text="short"), 0.5, [(0, 1)] * 100))
    return parsed("never")


def endless_text(file: BinaryIO, limits: Limits) -> Parsed:
    return Parsed(outline=Outline(), parts=iter(lambda: Part(text="x" * 60_000, fraction=0.5), None))


def print_and_say_how_it_went(file: BinaryIO, limits: Limits) -> Parsed:
    """Try to get out of the cage; the text says which attempts came through."""
    for descriptor in (1, 2):
        os.write(descriptor, b"a document's own words\n")
    return parsed("came through: " + ", ".join(name for name, attempt in ATTEMPTS.items() if came_through(attempt)))


def came_through(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return False
    return True


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "start a thread and read a library": lambda: Path(os.__file__).read_text(),
    "open a socket": socket.socket,
    "fork": fork,
    "exec": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "read /etc/passwd": Path("/etc/passwd").read_text,
    "read the environment of the owner": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "list /": lambda: list(Path("/").iterdir()),
    "write elsewhere": lambda: Path("/tmp/headrace-escaped").write_text("x"),
    "write among the libraries": lambda: Path(os.__file__).with_name("headrace-escaped").write_text("x"),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "signal all": lambda: os.kill(-1, signal.SIGCONT),
    "trace the parent": lambda: refused(ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0)),
    "become another namespace": lambda: refused(ctypes.CDLL(None, use_errno=True).unshare(0x10000000)),
}


def refused(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno())
