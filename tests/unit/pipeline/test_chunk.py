from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.document import Section
from headrace.pipeline.chunk import Chunker
from headrace.pipeline.embed.wordpiece import load_tokenizer

PROSE = (
    "The water rises. It turns the wheel, and the wheel drives the stones; so the mill grinds.\n\nNobody sleeps. " * 60
)
ALPHABETS = st.sampled_from(["ab .\n", "naïve\t🌊é,", "水車は回る。 ", "a\x01\u00a0\u200b-'", "0123456789abcdef"])


def mixed_texts() -> st.SearchStrategy[str]:
    return st.lists(ALPHABETS.flatmap(lambda letters: st.text(letters, max_size=60)), max_size=8).map("".join)


@pytest.fixture(scope="module")
def chunker() -> Chunker:
    return Chunker()


@given(text=mixed_texts(), start=st.integers(0, 10**6))
def test_a_chunk_is_the_text_between_its_offsets_and_fits_the_embedder(text: str, start: int) -> None:
    chunks = Chunker(max_tokens=12).chunk(Section(text=text, start=start, page=3, heading="h"), 7)

    whole = " " * start + text if start < 1000 else None
    for ordinal, chunk in enumerate(chunks, 7):
        assert chunk.text == text[chunk.start - start : chunk.end - start]
        assert whole is None or chunk.text == whole[chunk.start : chunk.end]
        assert chunk.text.strip()
        assert (chunk.ordinal, chunk.page, chunk.heading) == (ordinal, 3, "h")
        assert len(load_tokenizer().encode(chunk.text).ids) <= 12 or len(chunk.text) == 1


@given(text=mixed_texts(), overlap=st.integers(0, 9))
def test_chunks_may_overlap_by_all_but_one_token(text: str, overlap: int) -> None:
    chunks = Chunker(max_tokens=12, overlap_tokens=overlap).chunk(Section(text=text), 0)

    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)
    assert all(first.start < second.start for first, second in pairwise(chunks))


@given(text=mixed_texts())
def test_no_word_is_lost(text: str) -> None:
    chunks = Chunker(max_tokens=12).chunk(Section(text=text), 0)

    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())


@given(text=mixed_texts(), data=st.data())
def test_counting_by_words_gives_the_number_that_the_tokenizer_gives(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    stretch = text[start : data.draw(st.integers(start, len(text)))]
    count = Chunker()._counter(text)

    assert count(stretch) >= len(load_tokenizer().encode(stretch, add_special_tokens=False).ids)


def test_prose_fills_its_chunks_and_breaks_at_sentences(chunker: Chunker) -> None:
    chunks = chunker.chunk(Section(text=PROSE), 0)

    sizes = [len(load_tokenizer().encode(chunk.text).ids) for chunk in chunks]
    assert max(sizes) <= 256
    assert min(sizes[:-1]) > 180
    assert all(chunk.text.endswith(".") for chunk in chunks)


def test_a_heading_does_not_stand_alone(chunker: Chunker) -> None:
    points = "".join(f"- Point {number} says what the miller does when the water is low.\n" for number in range(60))
    text = f"## When the water is low\n\n{points}"

    chunks = chunker.chunk(Section(text=text), 0)

    sizes = [len(load_tokenizer().encode(chunk.text).ids) for chunk in chunks]
    assert chunks[0].text.startswith("## When the water is low\n\n- Point 0 ")
    assert all(chunk.text.startswith("- Point ") and chunk.text.endswith("low.") for chunk in chunks[1:])
    assert max(sizes) <= 256
    assert min(sizes[:-1]) > 220


def test_an_overlap_repeats_the_end_of_the_chunk_before() -> None:
    chunks = Chunker(max_tokens=128, overlap_tokens=40).chunk(Section(text=PROSE), 0)

    assert any(second.start < first.end for first, second in pairwise(chunks))
    assert all(chunk.text == PROSE[chunk.start : chunk.end] for chunk in chunks)


def test_white_space_makes_no_chunk(chunker: Chunker) -> None:
    assert chunker.chunk(Section(text=" \n\t\u00a0"), 0) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["水" * 32_000, "x" * 64_000, "a,b;" * 16_000, "\n" * 64_000 + "end"])
def test_texts_made_to_be_slow_are_cut_in_seconds_into_bounded_chunks(chunker: Chunker, text: str) -> None:
    chunks = chunker.chunk(Section(text=text), 0)

    assert max(len(chunk.text) for chunk in chunks) < 4_000
