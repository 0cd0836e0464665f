"""An event id is read back as it was written; anything else is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.cursor import Cursor
from headrace.model.errors import MalformedCursor

epochs = st.from_regex(re.compile(r"[0-9a-z]{1,16}", re.ASCII), fullmatch=True)


@given(epochs, st.integers(0, 10**18 - 1))
def test_an_event_id_comes_back_as_the_position_that_it_was_made_from(epoch: str, number: int) -> None:
    cursor = Cursor(epoch, number)

    assert Cursor.parse(str(cursor)) == cursor


def refusal_of(text: str) -> MalformedCursor | None:
    """Why a text is no event id; None when it is one."""
    try:
        Cursor.parse(text)
    except MalformedCursor as error:
        return error
    return None


@given(st.text())
def test_whatever_is_sent_is_an_event_id_or_refused_in_a_sentence(text: str) -> None:
    refusal = refusal_of(text)

    if refusal is None:
        assert str(Cursor.parse(text)).split("-")[0] == text.split("-")[0]
    else:
        assert (refusal.status, refusal.code) == (400, "malformed_cursor")
        assert "\n" not in refusal.detail
        assert len(refusal.detail) < 1000


@pytest.mark.parametrize(
    "text",
    ["", "-", "7", "abc", "abc-", "-7", "abc-7 ", " abc-7", "abc-7\n", "abc--7", "abc-+7", "abc-7-8", "ABC-7",
     "abc-७", "abc-1e3", "abc-0x7", f"abc-{10**18}", f"{'a' * 17}-7", "a\0-7", "null", "*", "' OR 1=1 --"],
)  # fmt: skip
def test_what_was_never_an_event_id_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursor):
        Cursor.parse(text)
