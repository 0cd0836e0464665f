# ruff: noqa: RUF001
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline import enrich
from headrace.pipeline.enrich import describe, supplement
from headrace.pipeline.enrich.dates import dates_of
from headrace.pipeline.enrich.keywords import PLAIN_TOKENS, TOKENS, keywords_of
from headrace.pipeline.enrich.language import language_of
from headrace.pipeline.enrich.likeness import simhash_of
from headrace.pipeline.enrich.llm import Chat, told_by
from headrace.pipeline.enrich.summary import summary_of
from headrace.pipeline.source import Description, Outline
from headrace.store.likenesses import NEAR_BITS, bands, distance
from tests.model_service import Planned, model_service

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


def test_the_language_of_a_long_text_is_told_from_all_of_its_beginning() -> None:
    assert language_of(("SELECT * FROM weir WHERE id = 7;\n" * 3 + GERMAN + "\n") * 8) == "de"


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


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_words_are_the_same_whichever_way_a_plain_text_is_looked_through(text: str) -> None:
    assert PLAIN_TOKENS.findall(text.lower()) == TOKENS.findall(text.lower())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vattnet rinner genom kvarnen och kvarnen maler, men inte när det är för torrt.", {"kvarnen", "vattnet"}),
        ("Değirmen suyla çalışır ve değirmen için su çok önemlidir, ancak bir gün durdu.", {"değirmen", "suyla"}),
        ("Мельница стоит на реке, и мельница работает, когда вода есть, но только тогда.", {"мельница", "реке"}),
        ("यह चक्की नदी के किनारे है और यह चक्की पानी से चलती है, लेकिन केवल दिन में।", {"चक्की", "नदी", "किनारे"}),
        ("کتاب‌ها در آسیاب است و آسیاب برای این کتاب‌ها بسیار بزرگ است.", {"کتاب\u200cها", "آسیاب"}),
    ],
)
def test_keywords_are_whole_words_that_say_something_in_many_languages(text: str, expected: set[str]) -> None:
    found = keywords_of(text)

    assert expected <= set(found)
    assert not set(found) & {"och", "inte", "det", "için", "çok", "bir", "когда", "только", "केवल", "است", "برای"}


def test_a_text_without_spaces_between_words_has_no_broken_ones_for_keywords() -> None:
    assert keywords_of("เมืองนี้สร้างขึ้นริมแม่น้ำและชาวเมืองมีชีวิตอยู่ด้วยการประมง Debian") == ("debian",)


def test_addresses_are_no_keywords() -> None:
    text = (
        "See https://github.example.org/a/b.html, www.example.org and ada@mail.example.org: [mill](https://c.example)."
    )

    assert set(keywords_of(text)) <= {"see", "ada", "mill"}


def test_typographic_marks_change_no_keyword() -> None:
    assert keywords_of(ENGLISH.replace(". ", "\u201d \u2014\u00a0")) == keywords_of(ENGLISH.replace(". ", "' ' "))


@pytest.mark.parametrize(
    ("text", "outline_title", "expected"),
    [
        ("The first line\n\nmore", " The\nWeir ", "The Weir"),
        ("# The first heading\n\nmore", None, "The first heading"),
        ("The first line\nmore", None, "The first line"),
        ("This is a sentence and no title.\nmore", None, "spring report"),
        ("name: Ada\nage: 3", None, "spring report"),
        ("", None, "spring report"),
        ("The first line", "Untitled document", "The first line"),
        ("The first line", "-", "The first line"),
        ("# Untitled\n\nmore", "untitled", "spring report"),
        ("#\n\nThe weir holds.", None, "spring report"),
        ("[![Build](https://a.example/b.svg)](https://c.example)\n[![x][y]][z]\n\n# The *Weir* #\n", None, "The Weir"),
        ('<p align="center">\n<img\n src="a.png">\n</p>\n<h1 align="center">The weir!</h1>', None, "The weir!"),
        ("========\nThe weir\n========\n\nmore", None, "The weir"),
        (".. image:: https://a.example/b.svg\n   :target: c\n\nThe weir\n--------", None, "The weir"),
        (
            "The weir is the place where the river falls over an old wall that was\nbuilt long ago.",
            None,
            "spring report",
        ),
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


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("on 2026-03-01, and at 1999-12-31T23:59:00Z", ("1999-12-31", "2026-03-01")),
        ("1 March 2026, 2nd of April 2026 and May 3rd, 2026", ("2026-03-01", "2026-04-02", "2026-05-03")),
        ("am 1. März 2026, am 02.04.2026 und 3.5.2026", ("2026-03-01", "2026-04-02", "2026-05-03")),
        ("le 1er mars 2026 et le 14 juillet 1789", ("1789-07-14", "2026-03-01")),
        ("el 5 de mayo de 1862, il 2 giugno 1946", ("1862-05-05", "1946-06-02")),
        ("31 April 2026, 2026-13-01, version 1.2.2026.4, 03/04/2026, in 2026", ("2026-02-01",)),
        ("Dec. 24, 2025", ("2025-12-24",)),
        ("no date 12 34 at all", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_dates_are_found_as_people_write_them(text: str, dates: tuple[str, ...]) -> None:
    assert dates_of(text) == dates


def test_the_summary_is_a_sentence_of_the_text_that_says_what_it_is_about() -> None:
    summary = summary_of(ENGLISH, keywords_of(ENGLISH))

    assert summary is not None
    assert summary in ENGLISH
    assert "turbine" in summary
    assert summary_of("short. 12 34. no", ("turbine",)) is None


@pytest.mark.parametrize(
    "contents",
    [
        "Contents\n1 What is the weir? ........ 3\n2 Who keeps the weir? . . . . . . . . 12\n",
        "1 What is the weir? 3\n2 Who keeps the weir of the river? 12\n3 The weir, the weir and the weir. 14\n",
        "The weir of the river\nKeepers of the weir\nThe weir in spring\nWhat else is a weir?\n\n",
    ],
)
def test_a_table_of_contents_is_no_summary(contents: str) -> None:
    said = "The weir of the river holds the water back until the keeper opens it in spring."

    assert summary_of(f"The Weir\n\n{contents}{said}\nMore follows.\n", ["weir", "river"]) == said


def test_code_is_no_summary_and_a_bullet_no_part_of_one() -> None:
    code = "```bash\ncurl http://weir.example/river of the river, the weir and the river.\n\n# the river again!\n```"
    said = "The weir holds the water of the river back until spring."

    assert summary_of(f"# The Weir\n\n{code}\n\n- {said}\n- And more.\n", ["weir", "river"]) == said
    assert summary_of(f"{code.removesuffix('```')}\n\n{said}", ["weir", "river"]) is None


def test_what_a_link_leads_to_is_no_keyword_and_markup_no_part_of_a_summary() -> None:
    text = (
        "![pictures/weir.png of the weir](pictures/weir.png)\n\n"
        "The **weir** of the [river](docs/sluices.html) holds the water back until spring.\n\n"
        "[Sluices](docs/sluices.html), [keepers](docs/keepers.html), [fish](docs/fish.html).\n"
    )

    found = describe([text], filename="weir.md", outline=Outline())

    assert found.summary == "The weir of the river holds the water back until spring."
    assert {"weir", "river", "sluices"} <= set(found.keywords)
    assert not {"docs", "html", "pictures", "png"} & set(found.keywords)


def test_the_header_of_a_mail_is_no_summary_and_no_keyword_but_its_subject() -> None:
    header = "From: Ada <ada@example.org>\nTo: Grace\nDate: Mon, 06 May 2024 07:08:09 +0200\nSubject: Sluices\n"

    found = describe(
        [header, "The weir of the river holds the water back until spring. Keep the weir."],
        filename="a.eml",
        outline=Outline(),
    )

    assert found.summary == "The weir of the river holds the water back until spring."
    assert {"weir", "sluices"} <= set(found.keywords)
    assert not {"subject", "date", "ada", "grace"} & set(found.keywords)
    assert found.dates == ("2024-05-06",)


def test_an_initial_ends_no_sentence() -> None:
    said = "The weir of the river was built by Ada B. Lovelace and by others."

    assert summary_of(f"{said} They slept.", ["weir"]) == said


def test_texts_nearly_the_same_differ_in_few_bits_and_share_a_quarter() -> None:
    whole = " ".join(f"Sentence {number} tells of mill {number * number} on the Spree." for number in range(120))
    one, other = simhash_of(whole), simhash_of(whole.replace("mill 25 ", "mill 26 "))
    foreign = simhash_of(ENGLISH * 3)
    assert one is not None
    assert other is not None
    assert foreign is not None
    assert distance(one, other) <= NEAR_BITS < distance(one, foreign)
    assert set(bands(one)) & set(bands(other))
    assert simhash_of("too short to tell") is None


def test_only_what_is_wanted_is_found_out() -> None:
    found = describe([ENGLISH], filename="a.txt", outline=Outline(), wanted=frozenset({"language"}))

    assert found.facts == {"language": "en"}


def test_a_brought_enricher_adds_to_the_metadata_and_its_failure_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, filename: str) -> dict[str, object]:
        raise OSError(text)

    parts = {"counting": lambda text, filename: {"characters": len(text), "file": filename}, "broken": broken}
    monkeypatch.setattr(enrich, "_enricher", parts.__getitem__)

    found = supplement(Description(title="Ten"), ["ten letters"], filename="a.txt", brought=["counting", "broken"])

    assert found.facts == {"title": "Ten", "characters": 11, "file": "a.txt"}
    assert found.warnings == ("the enricher 'broken' failed: OSError",)


def test_a_model_that_keeps_failing_is_left_alone() -> None:
    with model_service() as service:
        chat = Chat(url=service.url, model="m", seconds=5)
        service.plan += [Planned(status=500)] * 3
        told = [chat.describe("a text") for _ in range(4)]
        chat.close()

    assert [one.warning for one in told[:3]] == ["the language model answered 500; it has described nothing"] * 3
    assert "left alone" in (told[3].warning or "")
    assert service.asked == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": "no json"}}]}', b"\xff"]
)
def test_an_answer_of_a_model_that_is_none_is_a_warning(content: bytes) -> None:
    assert "none" in (told_by(content).warning or "")
