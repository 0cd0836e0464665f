"""What all commands share towards the terminal: exit codes, streams, JSON lines, complaints."""

import io
import json
import os
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
    say(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def say(text: str) -> None:
    """A line, at once. Where nobody reads on, as after `| head -1`, the command is detached."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed goes nowhere
        raise SystemExit(DETACHED) from None


def complain(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)
