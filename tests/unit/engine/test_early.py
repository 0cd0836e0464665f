from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from headrace.engine.early import one_ahead


class Doors:
    """Says what was entered and left."""

    def __init__(self, locked: str = "") -> None:
        self.locked = locked
        self.seen: list[str] = []

    @contextmanager
    def open(self, name: str) -> Iterator[str]:
        if name == self.locked:
            raise PermissionError(name)
        self.seen.append(f"enter {name}")
        try:
            yield name.upper()
        finally:
            self.seen.append(f"leave {name}")


def test_the_next_context_is_entered_before_the_one_before_is_used() -> None:
    doors = Doors()

    for name, early in one_ahead("abc", doors.open):
        with early as entered:
            doors.seen.append(f"use {name} {entered}")

    assert doors.seen == [
        *("enter a", "enter b", "use a A", "leave a"),
        *("enter c", "use b B", "leave b"),
        *("use c C", "leave c"),
    ]


def test_what_goes_wrong_early_is_raised_where_the_context_is_used() -> None:
    doors = Doors(locked="b")
    used = []

    for name, early in one_ahead("abc", doors.open):
        try:
            with early:
                used.append(name)
        except PermissionError as error:
            used.append(f"no {error}")

    assert used == ["a", "no b", "c"]


def test_whoever_stops_in_the_middle_leaves_nothing_open() -> None:
    doors = Doors()

    with closing(one_ahead("abc", doors.open)) as each:
        _, early = next(each)
        with pytest.raises(ZeroDivisionError), early:
            raise ZeroDivisionError

    assert sorted(doors.seen) == ["enter a", "enter b", "leave a", "leave b"]


def test_a_context_that_nobody_used_is_left_all_the_same() -> None:
    doors = Doors()

    assert [name for name, _ in one_ahead("ab", doors.open)] == ["a", "b"]

    assert sorted(doors.seen) == ["enter a", "enter b", "leave a", "leave b"]
