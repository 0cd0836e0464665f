"""Which documents a query may see, as SQL: the user's own, live, where and when and with the metadata asked for."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.model.errors import InvalidField
from headrace.search.keywords import storable
from headrace.search.question import Clock, Query, Span
from headrace.store.schema import chunk, document

DEEPEST_MEMBER = 16
LARGEST_INTEGER = 2**63
BOUNDS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
DATES = "dates"
"""The member of the metadata that holds the dates found in a document's text, as `YYYY-MM-DD`."""

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Test:
    """What a member must be: each comparison holds, of the same value. `=` takes any JSON value, the others no list."""

    comparisons: tuple[tuple[str, Any], ...]


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
    for number, (path, tests) in enumerate([*_checked(query.filters), *_dated(query.times)]):
        found.append(sa.or_(sa.false(), *(has_member(f"{number}_{i}", path, test) for i, test in enumerate(tests))))
    return found + list(_times(query.times))


def is_live() -> Condition:
    """Joins `chunk` to the `document` whose live version it is part of."""
    return sa.and_(chunk.c.document_id == document.c.document_id, chunk.c.version == document.c.live_version)


def _times(times: Mapping[Clock, Span]) -> Iterator[Condition]:
    for clock, span in times.items():
        if clock is not Clock.DATED:
            column = document.c[clock.value]
            if span.start is not None:
                yield column >= span.start
            if span.end is not None:
                yield column < span.end


def _dated(times: Mapping[Clock, Span]) -> Iterator[tuple[list[str], list[Test]]]:
    span = times.get(Clock.DATED, Span())
    if span != Span():
        start = [] if span.start is None else [(">=", span.start.date().isoformat())]
        # `end` is the first instant that is out; the day that the one before it lies in is in.
        end = [] if span.end is None else [("<=", (span.end - timedelta(microseconds=1)).date().isoformat())]
        yield [DATES], [Test((*start, *end))]


def _checked(filters: Mapping[str, Any]) -> Iterator[tuple[list[str], list[Test]]]:
    for name, wanted in filters.items():
        path = storable(name).split(".")
        if len(path) > DEEPEST_MEMBER:
            raise InvalidField.single("filters", f"{name[:80]!r} is more than {DEEPEST_MEMBER} members deep")
        each = wanted if isinstance(wanted, list | tuple) else [wanted]
        yield path, [_bounds(name, one) if isinstance(one, Mapping) else _equal(name, one) for one in each]


def _equal(name: str, value: Any) -> Test:
    return Test((("=", _checked_value(name, value)),))


def _bounds(name: str, given: Mapping[str, Any]) -> Test:
    known = all(bound in BOUNDS for bound in given)
    if not given or not known or not all(isinstance(one, str) or _is_number(one) for one in given.values()):
        told = f"{name[:80]!r} must have bounds out of gt, gte, lt and lte, each a text or a number"
        raise InvalidField.single("filters", told)
    return Test(tuple((BOUNDS[bound], _checked_value(name, one)) for bound, one in given.items()))


def _checked_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    is_number = isinstance(value, int | float) and math.isfinite(value) and abs(value) < LARGEST_INTEGER
    if value is None or is_number:
        return value
    raise InvalidField.single(
        "filters", f"{name[:80]!r} must be text, a number, true, false, null or bounds, or a list of such values"
    )


def _has_member_postgres(label: str, path: list[str], test: Test) -> Condition:
    member: sa.ColumnElement[Any] = document.c.metadata
    for key in path:
        member = member.op("->")(sa.literal(key, sa.Text))
    if test.comparisons[0][0] == "=":
        wanted = sa.bindparam(f"value_{label}", json.dumps(test.comparisons[0][1]), sa.Text)
        return member.op("@>")(sa.cast(wanted, postgresql.JSONB)).cast(sa.Boolean)
    is_list = sa.func.jsonb_typeof(member) == "array"
    values = sa.case((is_list, member), else_=sa.func.jsonb_build_array(member))
    element = sa.func.jsonb_array_elements(values).table_valued(sa.column("value", postgresql.JSONB), name=f"e{label}")
    value = element.c.value
    as_text = value.op("#>>")(sa.text("'{}'"))
    holds = []
    for sign, wanted_value in test.comparisons:
        is_number = _is_number(wanted_value)
        kind = sa.func.jsonb_typeof(value) == ("number" if is_number else "string")
        left = sa.cast(as_text, sa.Numeric) if is_number else sa.cast(as_text, sa.Text).collate("C")
        right = sa.literal(wanted_value, sa.Numeric if is_number else sa.Text)
        # A CASE, or the cast could be tried on what is no number.
        holds.append(sa.case((kind, left.op(sign, is_comparison=True)(right)), else_=sa.false()))
    return sa.exists(sa.select(sa.literal(1)).select_from(element).where(*holds))


def _has_member_sqlite(label: str, path: list[str], test: Test) -> Condition:
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
    in_list = f"EXISTS (SELECT 1 FROM {elements} WHERE {_holds('element', label, test)})"  # noqa: S608
    tests.append(f"({_holds(last, label, test)} OR {in_list})")
    for number, (_, value) in enumerate(test.comparisons):
        if isinstance(value, str) or _is_number(value):
            parameters[f"value_{label}_{number}"] = value
    statement = f"EXISTS (SELECT 1 FROM {', '.join(levels)} WHERE {' AND '.join(tests)})"  # noqa: S608
    return sa.text(statement).bindparams(**parameters)  # type: ignore[return-value]


def _holds(member: str, label: str, test: Test) -> str:
    each = (
        _compares(member, f"value_{label}_{number}", sign, value)
        for number, (sign, value) in enumerate(test.comparisons)
    )
    return f"({' AND '.join(each)})"


def _compares(member: str, parameter: str, sign: str, value: Any) -> str:
    if isinstance(value, str):
        return f"({member}.type = 'text' AND {member}.value {sign} :{parameter})"
    if _is_number(value):
        return f"({member}.type IN ('integer', 'real') AND {member}.value {sign} :{parameter})"
    return f"{member}.type = '{json.dumps(value)}'"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
