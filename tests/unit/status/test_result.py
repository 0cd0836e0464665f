"""`Ok` and `Err`: each is exactly one of the two, whatever it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.status import Err, Ok, UnwrapError

anything = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())


@given(anything)
def test_ok_gives_back_what_it_holds(value: object) -> None:
    result = Ok(value)

    assert result.is_ok()
    assert not result.is_err()
    assert result.unwrap() == value
    assert result.error is None


@given(st.text())
def test_err_has_its_reason_and_no_value(reason: str) -> None:
    result = Err(reason)

    assert result.is_err()
    assert not result.is_ok()
    assert result.error == reason
    with pytest.raises(UnwrapError) as raised:
        result.unwrap()
    assert str(raised.value) == reason


@given(anything, anything)
def test_results_are_equal_when_they_say_the_same(one: object, other: object) -> None:
    assert (Ok(one) == Ok(other)) is (one == other)
    assert (Err(one) == Err(other)) is (one == other)
    assert Ok(one) != Err(one)
