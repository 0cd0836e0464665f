"""Which documents a query may see, as SQL: the user's own, live, in the workspace and with the metadata asked for."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.model.errors import InvalidField
from headrace.search.keywords import storable
from headrace.search.question import Query
from headrace.store.schema import chunk, document

DEEPEST_MEMBER = 16
LARGEST_INTEGER = 2**63

Condition = sa.ColumnElement[bool]


def conditions(query: Query, *, is_sqlite: bool) -> list[Condition]:
    """On the rows of `document`.

    Raises:
        InvalidField: a filter's name is nested too deep, or its value is not one that can be compared.
    """
    found: list[Condition] = [document.c.user_id == query.user_id, document.c.live_version.is_not(None)]
    if query.workspace_id is not None:
        found.append(document.c.workspace_id == query.workspace_id)
    if query.document_ids is not None:
        found.append(document.c.document_id.in_(list(query.document_ids)))
    has_member = _has_member_sqlite if is_sqlite else _has_member_postgres
    for number, (path, values) in enumerate(_checked(query.filters)):
        found.append(sa.or_(sa.false(), *(has_member(f"{number}_{i}", path, value) for i, value in enumerate(values))))
    return found


def is_live() -> Condition:
    """Joins `chunk` to the `document` whose live version it is part of."""
    return sa.and_(chunk.c.document_id == document.c.document_id, chunk.c.version == document.c.live_version)


def _checked(filters: Mapping[str, Any]) -> Iterable[tuple[list[str], list[Any]]]:
    for name, wanted in filters.items():
        path = storable(name).split(".")
        values = [_checked_value(name, one) for one in (wanted if isinstance(wanted, list | tuple) else [wanted])]
        if len(path) > DEEPEST_MEMBER:
            raise InvalidField.single("filters", f"{name[:80]!r} is more than {DEEPEST_MEMBER} members deep")
        yield path, values


def _checked_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    is_number = isinstance(value, int | float) and math.isfinite(value) and abs(value) < LARGEST_INTEGER
    if value is None or is_number:
        return value
    raise InvalidField.single(
        "filters", f"{name[:80]!r} must be text, a number, true, false or null, or a list of such values"
    )


def _has_member_postgres(label: str, path: list[str], value: Any) -> Condition:
    member: sa.ColumnElement[Any] = document.c.metadata
    for key in path:
        member = member.op("->")(sa.literal(key, sa.Text))
    wanted = sa.bindparam(f"value_{label}", json.dumps(value), sa.Text)
    return member.op("@>")(sa.cast(wanted, postgresql.JSONB)).cast(sa.Boolean)


def _has_member_sqlite(label: str, path: list[str], value: Any) -> Condition:
    # Paths like '$.a.b' would not find keys that are stored with escapes; `json_each` has them as they are.
    levels, tests, parameters = [], [], {}
    source = "document.metadata"
    for depth, key in enumerate(path):
        level = f"m{depth}"
        levels.append(f"json_each({source}) AS {level}")
        tests.append(f"{level}.key = :key_{label}_{depth}")
        parameters[f"key_{label}_{depth}"] = key
        source = f"CASE {level}.type WHEN 'object' THEN {level}.value ELSE '{{}}' END"
    last = f"m{len(path) - 1}"
    elements = f"json_each(CASE {last}.type WHEN 'array' THEN {last}.value ELSE '[]' END) AS element"
    in_list = f"EXISTS (SELECT 1 FROM {elements} WHERE {_is_equal('element', label, value)})"  # noqa: S608
    tests.append(f"({_is_equal(last, label, value)} OR {in_list})")
    if isinstance(value, str) or _is_number(value):
        parameters[f"value_{label}"] = value
    statement = f"EXISTS (SELECT 1 FROM {', '.join(levels)} WHERE {' AND '.join(tests)})"  # noqa: S608
    return sa.text(statement).bindparams(**parameters)  # type: ignore[return-value]


def _is_equal(member: str, label: str, value: Any) -> str:
    if isinstance(value, str):
        return f"({member}.type = 'text' AND {member}.value = :value_{label})"
    if _is_number(value):
        return f"({member}.type IN ('integer', 'real') AND {member}.value = :value_{label})"
    return f"{member}.type = '{json.dumps(value)}'"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
