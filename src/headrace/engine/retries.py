"""Bounds the engine's pauses while the database does not answer. It would wait for up to 90 s, and has no setting.

A worker whose threads sleep on long after Postgres has come back takes no jobs, and lets none end.
"""

from dbos import _sys_db
from dbos._sys_db import SystemDatabase

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 2.0
"""The engine draws each pause between half and one and a half times of this."""


def bound() -> None:
    """For all that this process asks of the engine's tables from now on."""
    _sys_db.db_retry.__defaults__ = (FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
    for method in vars(SystemDatabase).values():
        names = getattr(getattr(method, "__code__", None), "co_freevars", ())
        for name, bounded in (("initial_backoff", FIRST_PAUSE_SECONDS), ("max_backoff", LONGEST_PAUSE_SECONDS)):
            if name in names:
                method.__closure__[names.index(name)].cell_contents = bounded
