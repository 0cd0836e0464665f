import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline.enrich import describe
from headrace.pipeline.enrich.keywords import keywords_of
from headrace.pipeline.enrich.language import language_of
from headrace.pipeline.source import Outline

ENGLISH = (
    "The turbine turns when the reservoir is full. A turbine without water is a turbine at rest, and the reservoir "
    "feeds every turbine of the power station. The power station sells what the turbine makes; the power station rests."
)
GERMAN = (
    "Der Wasserstand des Rheins ist gestiegen. Die Feuerwehr warnt vor Hochwasser in Köln und in Bonn. "
    "Das Hochwasser steigt weiter, und die Feuerwehr bittet um Geduld, bis das Hochwasser wieder fällt."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Le barrage retient l'eau de la rivière pendant tout l'hiver.", "fr"),
        ("12 34 56", None),
        ("ok", None),
        ("", None),
    ],
)
def test_the_language_is_told_where_the_text_tells_it(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_keywords_are_what_the_text_is_about_and_no_stop_words() -> None:
    english, german = keywords_of(ENGLISH), keywords_of(GERMAN)

    assert english[0] == "turbine"
    assert {"power station", "reservoir"} <= set(english)
    assert "power" not in english
    assert german[:2] == ("hochwasser", "feuerwehr")
    assert not {"the", "and", "der", "das", "und"} & {*english, *german}


@given(st.text(max_size=300))
def test_any_text_has_at_most_ten_different_keywords(text: str) -> None:
    found = keywords_of(text)

    assert len(found) == len(set(found)) <= 10


@pytest.mark.parametrize(
    ("text", "outline_title", "expected"),
    [
        ("The first line\n\nmore", " The\nWeir ", "The Weir"),
        ("# The first heading\n\nmore", None, "The first heading"),
        ("The first line\nmore", None, "The first line"),
        ("This is a sentence and no title.\nmore", None, "spring report"),
        ("name: Ada\nage: 3", None, "spring report"),
        ("", None, "spring report"),
    ],
)
def test_the_title_is_the_documents_own_or_its_first_line_or_its_name(
    text: str, outline_title: str | None, expected: str
) -> None:
    found = describe([text], filename="spring_report.txt", outline=Outline(title=outline_title))

    assert found.title == expected


@settings(max_examples=50)
@given(st.lists(st.text(max_size=50), max_size=4), st.text(min_size=1, max_size=20))
def test_every_document_can_be_described(texts: list[str], filename: str) -> None:
    found = describe(texts, filename=filename, outline=Outline())

    assert found.title
    assert found.language is None or len(found.language) == 2


def test_no_more_is_read_of_a_long_document_than_describes_it() -> None:
    taken = 0

    def texts() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield ENGLISH * 100

    assert describe(texts(), filename="a", outline=Outline()).language == "en"  # type: ignore[arg-type]
    assert taken < 100
