import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.search.query import fuse
from headrace.search.question import Candidate


def ranking(*chunk_ids: int) -> list[Candidate]:
    return [Candidate(chunk_id, 1.0) for chunk_id in chunk_ids]


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    assert fuse(ranking(1, 2), ranking(2, 3)) == [
        Candidate(2, pytest.approx(1 / 12 + 1 / 11)),
        Candidate(1, pytest.approx(1 / 11)),
        Candidate(3, pytest.approx(1 / 12)),
    ]


def test_equals_are_ordered_by_chunk_id() -> None:
    assert [one.chunk_id for one in fuse(ranking(9, 4), ranking(3, 8))] == [3, 9, 4, 8]


@given(st.lists(st.lists(st.integers(), unique=True)))
def test_nothing_is_lost_or_made_up_and_the_order_is_by_score(rankings: list[list[int]]) -> None:
    fused = fuse(*(ranking(*one) for one in rankings))

    assert sorted(one.chunk_id for one in fused) == sorted(set().union(*rankings))
    assert fused == sorted(fused, key=lambda one: (-one.score, one.chunk_id))
