"""Pages that are only pictures are read by tesseract, in a cage of its own, for as long as is allowed."""

import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest

from headrace.model.errors import DocumentError, Superseded
from headrace.pipeline.sandbox import Limits, Parsers, find_recognizer
from tests.services import needs
from tests.unit.pipeline.documents import image, saved, scans, stamped

LINES = ("The headrace leads water", "to the wheel of the mill")


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    needs("tesseract", "tesseract-ocr")
    with Parsers(Limits(seconds=60, recognition_seconds=100), recognizer=find_recognizer("eng")) as parsers:
        yield parsers


def words(text: str) -> list[str]:
    return text.lower().split()


@pytest.mark.parametrize(("name", "kind", "pages"), [("a.png", "PNG", None), ("a.pdf", "PDF", 1)])
def test_the_text_in_a_picture_is_read(
    parsers: Parsers, tmp_path: Path, name: str, kind: str, pages: int | None
) -> None:
    with parsers.open(saved(tmp_path, name, image(*LINES, kind=kind))) as reading:
        sections = list(reading)

    assert words(sections[0].text) == words(" ".join(LINES))
    assert (sections[0].page, reading.outline.page_count, reading.outline.warnings) == (pages, pages, ())


def test_a_stop_ends_recognition_within_a_moment(parsers: Parsers, tmp_path: Path) -> None:
    source = saved(tmp_path, "a.tif", image(*LINES * 20, kind="TIFF", frames=5))
    seen: list[float] = []

    def stop() -> bool:
        if any(child.name() == "tesseract" for child in psutil.Process().children(recursive=True)):
            seen.append(time.monotonic())
        return bool(seen)

    with pytest.raises(Superseded), parsers.open(source, stop=stop) as reading:
        list(reading)

    assert time.monotonic() - seen[0] < 5
    assert not any(child.name() == "tesseract" for child in psutil.Process().children(recursive=True))


def test_a_page_that_takes_too_long_is_left_out_and_said(tmp_path: Path) -> None:
    needs("tesseract", "tesseract-ocr")
    with (
        Parsers(Limits(recognition_seconds=0.01), recognizer=find_recognizer("eng")) as parsers,
        pytest.raises(DocumentError, match=r"page 1 took more than 0\.01 seconds to recognize"),
        parsers.open(saved(tmp_path, "a.pdf", image(*LINES, kind="PDF"))) as reading,
    ):
        list(reading)


def test_a_language_that_is_not_there_is_said_with_what_to_install() -> None:
    needs("tesseract", "tesseract-ocr")

    with pytest.raises(ValueError, match=r"no language 'xxx'.*tesseract-ocr-xxx"):
        find_recognizer("eng+xxx")


class Texts:
    """What was recognized, and how often."""

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}
        self.kept = 0

    def find(self, key: bytes) -> str | None:
        return self.known.get(key)

    def keep(self, key: bytes, text: str) -> None:
        self.known[key] = text
        self.kept += 1


def test_a_page_is_recognized_once_however_often_the_document_is_begun(parsers: Parsers, tmp_path: Path) -> None:
    source = saved(tmp_path, "a.pdf", scans(("The first page",), ("The second page",), "plain", ("The third page",)))
    texts = Texts()
    with parsers.open(source, texts=texts) as reading:
        first = next(iter(reading))
    assert 1 <= texts.kept < 3
    kept = texts.kept

    with parsers.open(source, first_section=1, texts=texts) as reading:
        rest = list(reading)

    assert texts.kept == 3
    assert words(first.text) == ["the", "first", "page"]
    assert [words(one.text)[1] for one in rest if one.page != 3] == ["second", "third"]
    assert rest[0].start == first.start + len(first.text) + 1
    with parsers.open(source, texts=texts) as reading:
        assert len(list(reading)) == 4
    assert (texts.kept, kept < 3) == (3, True)


def test_pages_that_could_not_be_read_are_named(tmp_path: Path) -> None:
    needs("tesseract", "tesseract-ocr")
    source = saved(tmp_path, "a.pdf", scans("plain", LINES))
    with Parsers(Limits(recognition_seconds=0.01), recognizer=find_recognizer("eng")) as hasty:
        with hasty.open(source) as reading:
            assert [one.page for one in reading] == [1, 2]
        assert reading.outline.failed_pages == {2: "took more than 0.01 seconds to recognize"}
    with Parsers(Limits()) as blind, blind.open(source) as reading:
        list(reading)
    assert reading.outline.failed_pages.keys() == {2}
    assert "holds only a picture; install tesseract" in reading.outline.failed_pages[2]


def test_a_scan_with_a_stamp_on_it_is_recognized_and_its_stamp_is_told_once(parsers: Parsers, tmp_path: Path) -> None:
    with parsers.open(saved(tmp_path, "a.pdf", stamped(LINES, stamp="ABC-000017", x=500, y=20))) as reading:
        [section] = list(reading)

    assert section.text.startswith("ABC-000017\n")
    assert words(section.text)[1:] == words(" ".join(LINES))
    assert reading.outline.failed_pages == {}


def test_a_scan_that_came_with_a_mail_is_recognized(parsers: Parsers, tmp_path: Path) -> None:
    with parsers.open(saved(tmp_path, "a.eml", mail_with_a_scan())) as reading:
        *_, scan = list(reading)

    assert (words(scan.text), scan.heading) == (words(" ".join(LINES)), "bill.pdf: page 1")
    assert reading.outline.warnings == ()


def test_a_scan_that_came_with_a_mail_and_nobody_reads_is_said(tmp_path: Path) -> None:
    with Parsers(Limits()) as blind, blind.open(saved(tmp_path, "a.eml", mail_with_a_scan())) as reading:
        assert "See the bill." in "\n".join(section.text for section in reading)

    [told] = reading.outline.warnings
    assert told == "1 page holds only pictures; install tesseract where the worker runs to have them read"


def test_a_scan_that_came_with_a_mail_and_takes_too_long_is_named(tmp_path: Path) -> None:
    needs("tesseract", "tesseract-ocr")
    with (
        Parsers(Limits(recognition_seconds=0.01), recognizer=find_recognizer("eng")) as hasty,
        hasty.open(saved(tmp_path, "a.eml", mail_with_a_scan())) as reading,
    ):
        list(reading)

    assert reading.outline.warnings == ("bill.pdf: page 1 took more than 0.01 seconds to recognize",)


def mail_with_a_scan() -> bytes:
    mail = EmailMessage()
    mail["Subject"] = "The bill"
    mail.set_content("See the bill.")
    mail.add_attachment(image(*LINES, kind="PDF"), maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


@pytest.mark.parametrize(
    ("why", "page"),
    [
        ("a slide says it in the middle", stamped(LINES, stamp="The Mill", x=280, y=400)),
        ("a page with a picture on it", stamped(LINES, stamp="page 3", x=300, y=20, share=0.6)),
        ("read by another program", stamped(LINES, stamp="the headrace", x=60, y=760, mode=3)),
        ("a page says more", stamped(LINES, stamp=") Tj 0 -9 Td (".join([" ".join(LINES)] * 10), x=60, y=780)),
    ],
)
def test_a_page_that_is_no_mere_scan_is_not_recognized(parsers: Parsers, tmp_path: Path, why: str, page: bytes) -> None:
    texts = Texts()

    with parsers.open(saved(tmp_path, "a.pdf", page), texts=texts) as reading:
        [section] = list(reading)

    assert (section.text.strip() != "", texts.kept) == (True, 0), why


def test_a_stamped_scan_that_nobody_reads_keeps_its_stamp_and_is_said(tmp_path: Path) -> None:
    with Parsers(Limits()) as blind:
        source = saved(tmp_path, "a.pdf", stamped(LINES, stamp="ABC-000017", x=500, y=20))
        with blind.open(source) as reading:
            assert [one.text for one in reading] == ["ABC-000017"]

    told = "install tesseract where the worker runs to have them read"
    assert reading.outline.failed_pages == {1: f"holds hardly more than a picture; {told}"}
    assert reading.outline.warnings == (f"1 page holds hardly more than pictures; {told}",)
