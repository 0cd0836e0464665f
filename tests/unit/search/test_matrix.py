import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.search.matrix import Matrix
from headrace.search.vectors import unit, units

DIMENSIONS = 4
CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 40), st.booleans()), max_size=25)


def rows(random: np.random.Generator, count: int) -> np.ndarray:
    return units(random.normal(size=(count, DIMENSIONS)).astype("<f2").tobytes(), DIMENSIONS)


@given(CHANGES)
def test_a_matrix_that_followed_changes_answers_as_the_rows_themselves(changes: list[tuple[str, int, bool]]) -> None:
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
        np.testing.assert_allclose([one.score for one in found], [mine[one] for one in expected], atol=1e-5)
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
