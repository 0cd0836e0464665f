"""A document is cut and described in its parser's process just as it would be in ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.chunk import Chunker
from headrace.pipeline.enrich import USUAL, describe
from headrace.pipeline.sandbox import Limits, Parsers, Passage, Reading, Source, wire
from headrace.pipeline.source import Description
from headrace.pipeline.study import Brief, Findings, Skill
from tests.unit.pipeline.documents import pdf, saved
from tests.unit.pipeline.test_chunk import PROSE, mixed_texts

FULL = Brief(filename="mill.txt", max_tokens=64, overlap_tokens=8, describes=sorted(USUAL))
DOCUMENTS = {
    "mill.txt": PROSE.encode(),
    "mill.html": f"<title>The mill</title><h1>Water</h1><p>{PROSE}</p><h2>On 3 May 2021</h2><p>{PROSE}".encode(),
    "mill.pdf": pdf([f"Page {page} tells how the miller of the water mill rises early. " * 4 for page in range(5)]),
}


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    with Parsers(Limits(seconds=20)) as parsers:
        yield parsers


def studied(parsers: Parsers, source: Source, brief: Brief, first: int = 0) -> tuple[list[Passage], Reading]:
    with parsers.open(source, first_section=first, brief=brief) as reading:
        return list(reading.passages()), reading


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_cut_and_described_as_we_would(parsers: Parsers, tmp_path: Path, name: str) -> None:
    chunker = Chunker(max_tokens=64, overlap_tokens=8)

    passages, reading = studied(parsers, saved(tmp_path, name, DOCUMENTS[name]), FULL)

    assert [list(one.spans or ()) for one in passages] == [chunker.spans(one.section.text) for one in passages]
    texts = [one.section.text[start:end] for one in passages for start, end in one.spans or ()]
    assert len(texts) > 4
    assert reading.findings.description == describe(texts, filename=FULL.filename, outline=reading.outline)
    assert reading.findings.cutting_seconds > 0
    assert reading.findings.describing_seconds > 0


def test_a_document_that_is_read_on_is_described_by_all_of_it(parsers: Parsers, tmp_path: Path) -> None:
    source = saved(tmp_path, "mill.pdf", DOCUMENTS["mill.pdf"])
    passages, whole = studied(parsers, source, FULL)

    rest, again = studied(parsers, source, FULL, first=3)

    assert rest == passages[3:]
    assert again.findings.description == whole.findings.description


def test_nothing_is_found_out_that_was_not_asked_for(parsers: Parsers, tmp_path: Path) -> None:
    source = saved(tmp_path, "mill.txt", DOCUMENTS["mill.txt"])

    plain, reading = studied(parsers, source, Brief())
    cut, also = studied(parsers, source, Brief(max_tokens=64))
    _, described = studied(parsers, source, Brief(describes=["language"]))

    assert {one.spans for one in plain} == {None}
    assert reading.findings.description is None
    assert all(one.spans for one in cut)
    assert also.findings.description is None
    assert described.findings.description == Description(language="en")


def test_a_parser_is_not_asked_for_more_than_its_process_has_loaded(parsers: Parsers, tmp_path: Path) -> None:
    source = saved(tmp_path, "mill.txt", DOCUMENTS["mill.txt"])
    parsers.close()  # and with it those that have learned everything

    for brief, skill in ((Brief(), Skill.PARSES), (FULL, Skill.DESCRIBES), (Brief(), Skill.DESCRIBES)):
        studied(parsers, source, brief)
        assert parsers._idle[-1].skill is skill


@given(text=mixed_texts(), max_tokens=st.integers(8, 40), data=st.data())
def test_what_our_chunker_does_is_always_believed(text: str, max_tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, max_tokens // 2 - 2))
    brief = Brief(max_tokens=max_tokens, overlap_tokens=overlap)

    spans = Chunker(max_tokens=max_tokens, overlap_tokens=overlap).spans(text)

    assert brief.allows(text, spans)


@pytest.mark.parametrize(
    "text", ["水" * 32_000, "x" * 64_000, "a,b;" * 16_000, "\n" * 64_000 + "end", "a\n\n" * 20_000], ids=range(5)
)
def test_so_it_is_on_texts_made_to_be_odd(text: str) -> None:
    assert Brief(max_tokens=64).allows(text, Chunker(max_tokens=64).spans(text))


@pytest.mark.parametrize("spans", [None, [(0, 6)], [(3, 3)], [(4, 2)], [(0, 1)] * 100])
def test_places_that_no_chunker_of_ours_would_cut_at_are_not_believed(spans: list[tuple[int, int]] | None) -> None:
    assert not Brief(max_tokens=256).allows("short", spans)
    assert Brief().allows("short", spans) is (spans is None)


def test_what_was_found_out_survives_the_way_to_the_owner() -> None:
    found = Description(
        title="A", language="en", keywords=("b", "c"), summary="D.", dates=("2021-05-03",), simhash=b"8" * 8
    )
    finished = wire.Finished(findings=Findings(description=found, cutting_seconds=0.5, describing_seconds=0.25))

    assert wire.parsed(wire.packed_finish(finished)[wire.LENGTH.size :]) == finished


@pytest.mark.parametrize(
    "lie",
    [
        {"description": "a sentence"},
        {"description": {"title": 1}},
        {"description": {"language": "a language of too long a name"}},
        {"description": {"keywords": "word"}},
        {"description": {"keywords": ["word"] * 1_000}},
        {"description": {"dates": [2021]}},
        {"description": {"summary": "s" * 10_000}},
        {"description": {"simhash": "00"}},
        {"description": {"simhash": "not hexadecimal."}},
        {"cutting_seconds": -1},
        {"describing_seconds": "long"},
        {"describing_seconds": True},
    ],
    ids=str,
)
def test_what_a_parser_says_of_a_document_is_checked(lie: dict[str, Any]) -> None:
    findings = Findings(description=Description(title="A", keywords=("b",)))
    body = orjson.loads(wire.packed_finish(wire.Finished(findings=findings))[wire.LENGTH.size :])
    wire.parsed(orjson.dumps(body))
    for name, told in lie.items():
        body[name] = {**body[name], **told} if isinstance(told, dict) else told

    with pytest.raises(wire.Malformed):
        wire.parsed(orjson.dumps(body))
