import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.search.matrix import MOST_EXACT, Matrix
from headrace.search.vectors import unit, units

DIMENSIONS = 4
CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 40), st.booleans()), max_size=25)


def rows(random: np.random.Generator, count: int) -> np.ndarray:
    return units(random.normal(size=(count, DIMENSIONS)).astype("<f2").tobytes(), DIMENSIONS)


@pytest.mark.parametrize("most_exact", [MOST_EXACT, 50])
@given(changes=CHANGES)
def test_a_matrix_that_followed_changes_answers_as_the_rows_themselves(
    changes: list[tuple[str, int, bool]], most_exact: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headrace.search.matrix.MOST_EXACT", most_exact)
        follow(changes, tolerance=1e-5 if most_exact == MOST_EXACT else 1e-3)  # of float16


def follow(changes: list[tuple[str, int, bool]], tolerance: float) -> None:
    random, matrix, held = np.random.default_rng(3), Matrix.empty(DIMENSIONS), {}
    next_id = 0
    for name, count, is_added in changes:
        matrix = matrix.without([name])
        held.pop(name, None)
        if is_added:
            new = rows(random, count)
            held[name] = dict(zip(range(next_id, next_id + count), new, strict=True))
            matrix = matrix.with_rows([name] * count, list(held[name]), new)
            next_id += count

    wanted = unit(np.ones(DIMENSIONS))
    for names in [None, {"a", "b"}, set()]:
        mine = {i: float(v @ wanted) for name in held if names is None or name in names for i, v in held[name].items()}
        expected = sorted(mine, key=lambda one: (-mine[one], one))[:10]
        found = matrix.nearest(wanted, 10, names)
        np.testing.assert_allclose([one.score for one in found], [mine[one] for one in expected], atol=tolerance)
        assert {one.chunk_id for one in found} <= set(mine)


def test_whoever_holds_a_matrix_sees_it_unchanged() -> None:
    random = np.random.default_rng(4)
    old = Matrix.empty(DIMENSIONS).with_rows(["a"] * 3, [1, 2, 3], rows(random, 3))
    wanted = unit(np.ones(DIMENSIONS))
    before = old.nearest(wanted, 10)

    new = old.with_rows(["b"] * 2, [4, 5], rows(random, 2)).without(["a"]).with_rows(["c"], [6], rows(random, 1))

    assert old.nearest(wanted, 10) == before
    assert {one.chunk_id for one in new.nearest(wanted, 10)} == {4, 5, 6}


def test_the_dead_are_cleared_away_before_they_are_many() -> None:
    random = np.random.default_rng(5)
    matrix = Matrix.empty(DIMENSIONS)
    for number in range(200):
        matrix = matrix.with_rows([str(number)] * 5, list(range(number * 5, number * 5 + 5)), rows(random, 5))
        matrix = matrix.without([str(number - 10)])
        assert matrix.count <= 5 * 10 / 0.7 + 10


@pytest.fixture(scope="module")
def large() -> Matrix:
    """Twenty passages each of 4,000 subjects: more than are compared one by one."""
    random = np.random.default_rng(6)
    subjects = np.repeat(random.normal(size=(4_000, 96)), 20, axis=0)
    vectors = units((subjects + random.normal(scale=0.7, size=subjects.shape)).astype("<f2").tobytes(), 96)
    ids = range(len(vectors))
    return Matrix.empty(96).with_rows([str(number // 20) for number in ids], list(ids), vectors)


def exactly(large: Matrix, wanted: np.ndarray, limit: int) -> list[int]:
    scores = large.vectors[: large.count].astype(np.float32) @ wanted
    return np.lexsort((large.chunk_ids, -scores))[:limit].tolist()


def test_of_very_many_rows_nearly_all_of_the_best_are_found_with_their_own_scores(large: Matrix) -> None:
    random, found = np.random.default_rng(7), 0
    for row in random.choice(large.count, 50, replace=False):
        wanted = unit(large.vectors[row].astype(np.float32) + random.normal(scale=0.05, size=96).astype(np.float32))
        best = large.nearest(wanted, 10)
        found += len({one.chunk_id for one in best} & set(exactly(large, wanted, 10)))
        assert [one.score for one in best] == pytest.approx(
            [float(large.vectors[one.chunk_id].astype(np.float32) @ wanted) for one in best], abs=1e-5
        )
        assert best[0].chunk_id == row
    assert found >= 0.98 * 500


def test_pages_of_very_many_rows_fit_together(large: Matrix) -> None:
    wanted = unit(large.vectors[3].astype(np.float32))
    pages = [large.nearest(wanted, limit) for limit in (10, 500, 1_000)]
    assert pages[0] == pages[1][:10]
    assert pages[1] == pages[2][:500]

    deep = large.nearest(wanted, 1_001)  # deeper, all are compared
    assert [one.chunk_id for one in deep] == exactly(large, wanted, 1_001)


def test_among_some_documents_of_very_many_only_theirs_are_found(large: Matrix) -> None:
    wanted = unit(large.vectors[3].astype(np.float32))
    few = large.nearest(wanted, 10, {"7", "8"})
    assert {one.chunk_id for one in few} <= set(range(140, 180))

    most = {str(number) for number in range(4_000)} - {"0"}  # all but those that are nearest
    assert not {one.chunk_id for one in large.nearest(wanted, 10, most)} & set(range(20))
    assert not {one.chunk_id for one in large.without(["0"]).nearest(wanted, 10)} & set(range(20))
