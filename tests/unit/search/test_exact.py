from math import inf

from hypothesis import given
from hypothesis import strategies as st

from headrace.search.exact import occurrences, sharpened
from headrace.search.question import Candidate
from headrace.search.words import cut

WORD = st.sampled_from(["pump", "pumps", "pumping", "café", "é", "weir2", "水車"])
TEXT = st.lists(st.tuples(WORD, st.sampled_from([" ", "_", "-", "x", ", ", "\n"])), max_size=20)


@given(word=WORD, parts=TEXT)
def test_a_word_is_counted_where_the_index_would_see_it(word: str, parts: list[tuple[str, str]]) -> None:
    text = "".join(map("".join, parts))

    assert occurrences(word, text) == cut(text).count(word)


@given(
    texts=st.lists(TEXT.map(lambda parts: "".join(map("".join, parts))), max_size=8),
    ranks=st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), min_size=8, max_size=8),
    asked=st.lists(WORD, unique=True, max_size=4),
)
def test_nothing_is_lost_and_no_score_falls_or_leaves_its_range(
    texts: list[str], ranks: list[tuple[float, bool]], asked: list[str]
) -> None:
    scores = [rank / (1 + rank) + has_all for rank, has_all in ranks]
    found = [Candidate(*pair) for pair in zip(range(len(texts)), scores, strict=False)]

    ranked = sharpened(found, dict(enumerate(texts)), asked)

    before = dict(found)
    assert sorted(one.chunk_id for one in ranked) == list(range(len(texts)))
    last = inf
    for chunk_id, score in ranked:
        assert before[chunk_id] - 1e-9 <= score < 2
        assert int(score) == int(before[chunk_id])
        assert score <= last
        last = score


def test_among_equals_the_rarer_word_the_more_of_it_and_the_shorter_text_come_first() -> None:
    texts = {1: "pumping water", 2: "pump water", 3: "water weir2", 4: "water " * 9 + "weir2", 5: "weir2 weir2"}
    found = [Candidate(chunk_id, 0.5) for chunk_id in texts]

    ranked = [one.chunk_id for one in sharpened(found, texts, ["pump", "water", "weir2"])]

    assert ranked.index(2) < ranked.index(1)
    assert ranked.index(5) < ranked.index(4)
    assert ranked.index(3) < ranked.index(4)
