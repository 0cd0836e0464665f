import pytest

from headrace.cli.doctor import _hidden
from headrace.cli.fetch import is_url, name_of
from headrace.cli.query import asked_words


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        ("https://example.org/docs/report.pdf?x=1", "application/pdf", "report.pdf"),
        ("https://example.org/wiki/Water_mill", "text/html; charset=utf-8", "Water_mill.html"),
        ("https://example.org/", "text/html", "example.org.html"),
        ("https://example.org/a%2F..%2Fb%20c", "", "b c"),
        ("https://example.org/.hidden", "text/plain", "hidden.txt"),
    ],
)
def test_a_page_is_named_after_its_address(url: str, content_type: str, name: str) -> None:
    assert name_of(url, content_type) == name


def test_only_the_web_is_fetched() -> None:
    assert is_url("https://example.org")
    assert not is_url("ftp://example.org")
    assert not is_url("report.pdf")


def test_the_words_that_carry_a_question_are_lit_up() -> None:
    assert asked_words("Why does ice block the trash racks?") == ["ice", "block", "trash", "rack"]
    assert asked_words("what is it") == []


def test_a_password_in_a_url_is_not_shown() -> None:
    assert _hidden("postgresql://ada:secret@db/headrace") == "postgresql://ada:***@db/headrace"
