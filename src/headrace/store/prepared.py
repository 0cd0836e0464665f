"""Statements that run for many rows, or many times, worked out once and then handed to the driver as they are.

SQLAlchemy goes through each row of an `execute` by itself, which takes longer than SQLite takes to write it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

Process = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A statement in the driver's own words. `parameters` are the names in the order in which it takes them."""

    sql: str
    parameters: tuple[str, ...]
    processes: Mapping[str, Process]
    constants: Mapping[str, Any]
    is_positional: bool

    def values(self, row: Mapping[str, Any]) -> Any:
        """What the driver is given for one row: a tuple or a dictionary, as it likes."""
        given = {**self.constants, **row}
        for name, process in self.processes.items():
            given[name] = process(given[name])
        return tuple([given[name] for name in self.parameters]) if self.is_positional else given


@lru_cache(maxsize=256)
def prepare(
    statement: sa.Insert | sa.Update | sa.Delete | sa.Select[Any], names: tuple[str, ...], dialect: sa.Dialect
) -> Prepared:
    """The statement for rows that have `names`; what else it takes is written in it."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names, for_executemany=True)
    processes = {
        name: process
        for name, bind in compiled.binds.items()
        if name in names and (process := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    constants = {name: _processed(bind, dialect) for name, bind in compiled.binds.items() if name not in names}
    return Prepared(
        sql=str(compiled),
        parameters=tuple(compiled.positiontup or ()),
        processes=processes,
        constants=constants,
        is_positional=bool(compiled.positional),
    )


def _processed(bind: Any, dialect: sa.Dialect) -> Any:
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return bind.value if process is None else process(bind.value)
