"""What all commands share towards the terminal: exit codes, streams, JSON lines, complaints."""

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

DONE = 0
REFUSED = 1
JOB_FAILED = 1
USAGE = 2
NO_SERVER = 3
DETACHED = 130


def prepare_streams() -> None:
    """Signs and foreign names can be printed whatever the locale is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def is_terminal() -> bool:
    """Whether a person reads standard output; otherwise a program does, and gets JSON lines."""
    return sys.stdout.isatty()


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line, at once."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str), flush=True)


def say(text: str) -> None:
    """A line for a person, at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)
