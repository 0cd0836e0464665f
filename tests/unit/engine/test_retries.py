"""The engine, which waits longer and longer for a database that is away, is back seconds after it."""

import pytest
import sqlalchemy as sa
from dbos import _sys_db

from headrace.engine import retries


class Away:
    """A database that is away for so many calls, and how long was waited for it."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.pauses: list[float] = []

    def answer(self) -> str:
        if len(self.pauses) < self.calls:
            raise sa.exc.TimeoutError("no connection")
        return "here"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    made = Away(calls=20)
    monkeypatch.setattr(_sys_db.time, "sleep", made.pauses.append)
    return made


def test_no_pause_of_the_engine_is_long(away: Away) -> None:
    retries.bound()

    assert _sys_db.db_retry()(away.answer)() == "here"

    assert len(away.pauses) == 20
    assert max(away.pauses) <= 1.5 * retries.LONGEST_PAUSE_SECONDS


def test_it_holds_for_all_that_the_engine_asks() -> None:
    retries.bound()

    longest = []
    for method in vars(_sys_db.SystemDatabase).values():
        names = getattr(getattr(method, "__code__", None), "co_freevars", ())
        if "max_backoff" in names:
            longest.append(method.__closure__[names.index("max_backoff")].cell_contents)

    assert len(longest) > 20
    assert set(longest) == {retries.LONGEST_PAUSE_SECONDS}
