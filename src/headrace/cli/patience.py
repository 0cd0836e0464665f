"""What is asked again while a server is away or busy, as it is for a moment when it is restarted."""

import time
from collections.abc import Callable
from typing import TypeVar

from headrace.cli.failures import comes_again
from headrace.cli.terminal import complain
from headrace.model.errors import HeadraceError

PATIENCE_SECONDS = 300.0
"""How long a vanished server is waited for before the command gives up."""
PAUSE_SECONDS = 1.0

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer], patience_seconds: float = PATIENCE_SECONDS) -> Answer:
    """What `ask` answers in the end; it must be such that it may be asked twice.

    Raises:
        HeadraceError: a refusal that will not change, or the last of those that lasted for `patience_seconds`.
    """
    deadline = time.monotonic() + patience_seconds
    has_told = False
    while True:
        try:
            return ask()
        except HeadraceError as error:
            pause = max(PAUSE_SECONDS, getattr(error, "retry_after_seconds", 0))
            if not comes_again(error) or time.monotonic() + pause > deadline:
                raise
            if not has_told:
                complain(f"{error.detail}; trying again")
            has_told = True
        time.sleep(pause)
