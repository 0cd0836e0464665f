"""What is read of each format beyond the first few, and what is kept about it."""

import io
import json
import zipfile
from itertools import islice, repeat
from pathlib import Path

import pytest
import xlsxwriter

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from headrace.pipeline.extract.table import told_apart
from headrace.pipeline.extract.workbook import shown
from headrace.pipeline.sandbox import Limits, Parsers, Spoilt
from tests.unit.pipeline.conftest import Read
from tests.unit.pipeline.documents import (
    CHART,
    DIAGRAM,
    DRAWING,
    RICH,
    docx,
    epub,
    image,
    mail,
    paragraph,
    pdf,
    retyped,
    saved,
    slides,
    strict,
    workbook,
    zipped,
)


def code_of(read: Read, folder: Path, filename: str, content: bytes) -> str:
    with pytest.raises(DocumentError) as failure:
        read(saved(folder, filename, content))
    assert str(folder) not in failure.value.detail
    return failure.value.code


def texts(sections: list[Section]) -> list[str]:
    return [section.text for section in sections]


def test_each_slide_is_a_page_below_its_title_with_its_notes(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "a.pptx", slides(("The Mill", "water"), ("The Wheel", "wood\nand iron"))))

    assert texts(sections) == ["The Mill\nwater\nsay hello", "The Wheel\nwood\nand iron"]
    assert [(section.page, section.heading) for section in sections] == [(1, "The Mill"), (2, "The Wheel")]
    assert (outline.page_count, outline.metadata["author"]) == (2, "Ada")


def test_diagrams_charts_and_comments_of_a_slide_are_read(read: Read, tmp_path: Path) -> None:
    names = f'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" {DRAWING}'
    old = f"<p:cmLst {names}><p:cm><p:text>Too long?</p:text></p:cm></p:cmLst>"
    new = f"<cmLst {names}><cm><reply><a:p><a:r><a:t>Not at all.</a:t></a:r></a:p></reply></cm></cmLst>"

    for comments, told in ((old, "Too long?"), (new, "Not at all.")):
        deck = slides(("The Mill", "water"), comments=comments, diagramData=DIAGRAM, chart=CHART)
        _, sections = read(saved(tmp_path, "a.pptx", deck))

        drawn = ["Flow", "Litres", "Dig the race", "Hang the wheel"]
        assert texts(sections) == ["\n".join(["The Mill", "water", *drawn, "say hello", told])]


def test_a_show_is_read_like_the_presentation_that_it_is(read: Read, tmp_path: Path) -> None:
    show = "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml"

    _, sections = read(saved(tmp_path, "a.ppsx", retyped(slides(("The Mill", "water")), show)))

    assert texts(sections) == ["The Mill\nwater\nsay hello"]


def test_each_row_of_a_workbook_explains_itself_below_its_sheet(read: Read, tmp_path: Path) -> None:
    content = workbook(Levels=[["place", "height", "dry"], ["weir", 1.5, True], ["sluice", 2.0, None]], Empty=[])

    outline, sections = read(saved(tmp_path, "a.xlsx", content))

    assert texts(sections) == ["place: weir\nheight: 1.5\ndry: yes\n\nplace: sluice\nheight: 2"]
    assert sections[0].heading == "Levels"
    assert (outline.title, outline.metadata["author"]) == ("Gauges", "Grace")


def test_columns_of_one_name_are_told_apart_in_one_pass_however_many_there_are() -> None:
    assert list(islice(told_apart(repeat("flow")), 3)) == ["flow", "flow (2)", "flow (3)"]
    assert list(told_apart(["flow", "", "level", "", "flow"])) == ["flow", "", "level", "", "flow (2)"]


def test_titles_above_a_sheets_table_do_not_name_its_columns(read: Read, tmp_path: Path) -> None:
    content = workbook(Sums=[["Sums of the year"], [], ["place", 2019, 2020, 2020], ["mill", 3, 4.5, 5]])

    _, sections = read(saved(tmp_path, "a.xlsx", content))

    assert texts(sections) == ["Sums of the year\n\nplace: mill\n2019: 3\n2020: 4.5\n2020 (2): 5"]


def test_a_sheet_of_one_row_is_that_row(read: Read, tmp_path: Path) -> None:
    content = workbook(Cover=[["The board approved the merger"]], Levels=[["place", "height"], ["weir", 1.5]])

    _, sections = read(saved(tmp_path, "a.xlsx", content))

    assert texts(sections) == ["The board approved the merger", "place: weir\nheight: 1.5"]


def test_comments_text_boxes_and_charts_of_a_workbook_follow_the_rows_of_their_sheet(
    read: Read, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet, other = book.add_worksheet("Levels"), book.add_worksheet("Other")
        sheet.write_column(0, 0, ["place", "weir"])
        sheet.write_comment("A2", "measured by Ada")
        sheet.insert_textbox("E5", "read twice a day")
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "=Levels!$A$2:$A$2", "name": "Flow rate"})
        chart.set_title({"name": "The flow"})
        sheet.insert_chart("F9", chart)
        other.write(0, 0, "alone")

    _, sections = read(saved(tmp_path, "a.xlsx", buffer.getvalue()))

    beside = "read twice a day\n\nA2: measured by Ada\n\nThe flow\nFlow rate"
    assert [(one.heading, one.text) for one in sections] == [("Levels", f"place: weir\n\n{beside}"), ("Other", "alone")]


def test_a_comment_that_is_written_down_for_older_programs_too_is_read_once(read: Read, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.add_worksheet("Levels").write_comment("A1", "[Threaded comment] Your version allows you to read this")
    with zipfile.ZipFile(buffer, "a") as archive:
        rels = archive.read("xl/worksheets/_rels/sheet1.xml.rels").decode()
        kind = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
        more = f'<Relationship Id="t" Type="{kind}" Target="/xl/threaded.xml"/></Relationships>'
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    members["xl/worksheets/_rels/sheet1.xml.rels"] = rels.replace("</Relationships>", more)
    members["xl/threaded.xml"] = (
        '<t:x xmlns:t="t"><t:threadedComment ref="A1"><t:text>So low?</t:text></t:threadedComment></t:x>'
    )

    _, sections = read(saved(tmp_path, "a.xlsx", zipped(members)))

    assert texts(sections) == ["A1: So low?"]


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("0.0%", 0.255, "25.5%"),
        (10, -0.07, "-7%"),
        ('#,##0.00 "€"', 1234.5, "1234.5 €"),
        ("[$€-407] #,##0.00", -2, "-€ 2"),
        ("_-* #,##0.00 €_-;-* #,##0.00 €_-", 0.5, "0.5 €"),
        ('"$"#,##0_);("$"#,##0)', 3, "$3"),
        ('0 "kg"', 0.3, "0.3 kg"),
        ('"no. "0', 7, "no. 7"),
        (".00", 0.5, "0.5"),
        ("0.00E+00", 1.5, "1.5"),
        ("#,##0.00;[Red]-#,##0.00", 1.5, "1.5"),
        ("General", 1.5, "1.5"),
        (44, 1.5, "1.5"),
    ],
)
def test_a_number_in_a_workbook_has_the_unit_that_is_shown_with_it(
    read: Read, tmp_path: Path, code: str | int, value: float, expected: str
) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Levels")
        signed = book.add_format({"num_format": code})
        sheet.write_row(2, 28, ["place", "share", "plain"])
        sheet.write_row(4, 28, ["weir", value, value])
        sheet.write_formula(4, 29, "=1*AE5", signed, value)
        book.add_worksheet("Other").write_number(3, 1, value, signed)

    _, sections = read(saved(tmp_path, "a.xlsx", buffer.getvalue()))

    assert texts(sections) == [f"place: weir\nshare: {expected}\nplain: {value:g}", f"column 1: {expected}"]


def test_numbers_in_a_workbook_have_the_digits_that_are_shown() -> None:
    assert [shown(value) for value in (0.1 + 0.2, 2.0, 1234.5, 1e-7)] == ["0.3", "2", "1234.5", "1e-07"]


def test_lengths_of_time_in_a_workbook_are_hours(read: Read, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Levels")
        sheet.write_column(0, 0, ["open", "weir"])
        sheet.write_number(1, 0, 1.5, book.add_format({"num_format": "[h]:mm"}))

    _, sections = read(saved(tmp_path, "a.xlsx", buffer.getvalue()))

    assert texts(sections) == ["open: 36:00:00"]


@pytest.mark.parametrize(
    ("filename", "content", "expected"),
    [
        ("a.docx", docx(paragraph("The Mill", is_heading=True) + paragraph("water")), "The Mill\nwater"),
        (
            "a.pptx",
            slides(("The Mill", "water"), diagramData=DIAGRAM),
            "The Mill\nwater\nDig the race\nHang the wheel\n",
        ),
        ("a.xlsx", workbook(Levels=[["place", "height"], ["weir", 1.5]]), "place: weir\nheight: 1.5"),
    ],
)
def test_the_strict_dialect_is_read_like_the_usual_one(
    read: Read, tmp_path: Path, filename: str, content: bytes, expected: str
) -> None:
    outline, sections = read(saved(tmp_path, filename, content))
    strict_outline, strict_sections = read(saved(tmp_path, filename, strict(content)))

    assert texts(sections)[0].startswith(expected)
    assert (strict_outline, strict_sections) == (outline, sections)


def test_a_book_is_read_chapter_by_chapter(read: Read, tmp_path: Path) -> None:
    chapters = ("<h1>One</h1><p>first</p>", '<h1>Two</h1><p>second <a href="https://example.org/">there</a></p>')

    outline, sections = read(saved(tmp_path, "a.epub", epub(*chapters)))

    assert texts(sections) == ["One\n\nfirst", "Two\n\nsecond there"]
    assert [section.heading for section in sections] == ["One", "Two"]
    assert (outline.title, outline.metadata) == (
        "The Race",
        {"author": "Ada, Grace", "links": ["https://example.org/"]},
    )


def test_a_book_that_names_a_chapter_twice_has_it_once(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.epub", epub("<p>first</p>", "<p>second</p>", spine='<itemref idref="c0"/>')))

    assert texts(sections) == ["first", "second"]


def test_what_a_book_says_of_itself_is_plain_text_and_its_date_an_instant(read: Read, tmp_path: Path) -> None:
    about = "<dc:description>&lt;p>Short &amp;amp; &lt;b>sweet&lt;/b>&lt;/p></dc:description>"
    dates = "<dc:date>0101-01-01T00:00:00+00:00</dc:date><dc:date>22.09.2015</dc:date><dc:date>2016</dc:date>"

    outline, _ = read(saved(tmp_path, "a.epub", epub("<p>first</p>", about=about + dates)))

    assert (outline.metadata["subject"], outline.metadata["created_at"]) == ("Short & sweet", "2015-09-22")


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        ("2024-05-06", "2024-05-06"),
        ("2024-05-06 07:08", "2024-05-06T07:08"),
        ("May 6, 2024", "2024-05-06"),
        ("2024", "2024"),
        ("{{ date }}", None),
    ],
)
def test_the_date_of_a_page_and_of_a_text_is_an_instant(
    read: Read, tmp_path: Path, said: str, instant: str | None
) -> None:
    page, text = f'<meta name="date" content="{said}"><p>a', f"---\ndate: {said}\n---\na"

    for name, content in {"a.html": page, "a.md": text}.items():
        outline, _ = read(saved(tmp_path, name, content.encode()))
        assert outline.metadata.get("created_at") == instant


def test_rich_text_is_read_without_its_formatting(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "a.rtf", RICH))

    assert texts(sections) == ["Water falls.\nGrüße €."]
    assert (outline.title, outline.metadata) == ("The Weir", {"author": "Ada", "created_at": "2024-05-06T07:08:00"})


def test_a_mail_is_its_header_its_text_and_each_attachment(read: Read, tmp_path: Path) -> None:
    attachments = {"a.pdf": pdf(["page one", "page two"]), "inner.eml": mail("within"), "run.bin": b"\x7fELF\x02"}
    content = mail("Hello\nGrace\n", attachments, page="<p>Hello twice</p>")

    outline, sections = read(saved(tmp_path, "a.eml", content))

    assert (outline.title, outline.metadata["author"]) == ("The größte wheel", "Ada <ada@example.org>")
    assert outline.metadata["created_at"] == "2024-05-06T07:08:09+02:00"
    found = [(section.heading, section.text.strip()) for section in sections if section.heading != "The größte wheel"]
    assert found == [
        ("a.pdf: page 1", "page one"),
        ("a.pdf: page 2", "page two"),
        ("inner.eml: The größte wheel", found[2][1]),
        ("inner.eml: The größte wheel", "within"),
    ]
    assert "Hello\nGrace" in texts(sections)[1]
    assert "twice" not in "".join(texts(sections))
    assert outline.warnings == (
        "the attachment 'run.bin' was left out: the content is a program, which cannot be read",
    )


def test_a_mailbox_is_its_mails_one_after_another(read: Read, tmp_path: Path) -> None:
    first = mail("Dear Grace\n\nFrom here on it rains.\n>From there, too.\n", {"a.csv": b"name,state\nmill,turning\n"})
    second = b"From: Grace <grace@example.org>\nSubject: Rain\n\nIndeed\n"
    envelope = b"From ada@example.org Mon May  6 07:08:09 2024\n"

    outline, sections = read(saved(tmp_path, "a.mbox", envelope + first + b"\n" + envelope + second))

    assert outline.title is None
    assert [section.heading for section in sections] == [
        "The größte wheel",
        "The größte wheel",
        "a.csv",
        "Rain",
        "Rain",
    ]
    assert "From here on it rains.\nFrom there, too." in sections[1].text
    assert texts(sections)[2:] == [
        "name: mill\nstate: turning",
        "From: Grace <grace@example.org>\nSubject: Rain",
        "Indeed\n",
    ]


def test_a_mail_that_was_saved_from_a_mailbox_is_that_mail(read: Read, tmp_path: Path) -> None:
    content = b"From ada@example.org Mon May  6 07:08:09 2024\n" + mail("Hello")

    outline, sections = read(saved(tmp_path, "a.eml", content))

    assert (outline.title, outline.metadata["author"]) == ("The größte wheel", "Ada <ada@example.org>")
    assert "Hello" in sections[-1].text


def test_a_mail_from_a_program_that_knew_one_encoding_is_read(read: Read, tmp_path: Path) -> None:
    content = (
        "From: Jürgen <j@example.org>\nTo: g@example.org\nSubject: Übung für Größe\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nfor “5 €”\n"
    ).encode("cp1252")

    outline, sections = read(saved(tmp_path, "a.eml", content))

    assert (outline.title, sections[-1].text) == ("Übung für Größe", "for “5 €”\n")


def test_the_page_of_a_mail_is_decoded_once_whatever_it_says_of_itself(read: Read, tmp_path: Path) -> None:
    content = (
        "From: j@example.org\nSubject: Test\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
        'Content-Transfer-Encoding: 8bit\n\n<meta charset="windows-1252"><p>Schöne Grüße</p>\n'
    ).encode()

    _, sections = read(saved(tmp_path, "a.eml", content))

    assert sections[-1].text == "Schöne Grüße"


def test_a_damaged_attachment_costs_itself_only(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "a.eml", mail("Hello", {"a.docx": docx(paragraph("x"))[:200]})))

    assert "Hello" in texts(sections)[1]
    assert "the attachment 'a.docx' was left out: the Word document is damaged" in outline.warnings[0]


def test_code_is_cut_where_a_definition_begins_and_keeps_its_text(read: Read, tmp_path: Path) -> None:
    first = "import os\n\n\n# why\ndef mill(water):\n" + "    water += 1\n" * 40
    second = "\n\n@turns\nclass Wheel:\n    def turn(self):\n        pass\n"

    _, sections = read(saved(tmp_path, "a.py", (first + second).encode()))

    assert "".join(texts(sections)) == first + second
    assert [section.heading for section in sections] == ["def mill(water):", "class Wheel:"]


def test_a_notebook_is_its_cells_and_what_they_printed(read: Read, tmp_path: Path) -> None:
    code: list[dict[str, object]] = [
        {"output_type": "stream", "text": ["10%\r", "100%\n", "\x1b[31mdone\x1b[0m\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["1 mill"], "text/html": "<b>1 mill</b>"}},
        {"output_type": "display_data", "data": {"text/plain": "<Figure>", "image/png": "iVBORw0KGgo="}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'weir'", "traceback": ["\x1b[0;31m---"]},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Rain\n", "\n", "By [month](https://example.org/)."]},
        {"cell_type": "code", "source": "# no heading\nprint(rain)", "outputs": code},
        {"cell_type": "markdown", "source": "## Snow"},
    ]

    outline, sections = read(saved(tmp_path, "a.ipynb", json.dumps({"cells": cells, "nbformat": 4}).encode()))

    assert [(section.heading, section.text) for section in sections] == [
        (
            "Rain",
            "# Rain\n\nBy [month](https://example.org/).\n\n```\n# no heading\nprint(rain)\n```\n\n"
            "```\n100%\ndone\n```\n\n```\n1 mill\n```\n\n```\nKeyError: 'weir'\n```\n\n",
        ),
        ("Snow", "## Snow\n"),
    ]
    assert outline.metadata["links"] == ["https://example.org/"]


def test_an_old_notebook_is_read_and_what_is_only_named_like_one_is_json(read: Read, tmp_path: Path) -> None:
    old = b'{"worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1"]}]}]}'

    assert texts(read(saved(tmp_path, "a.ipynb", old))[1]) == ["```\na = 1\n```\n"]
    assert texts(read(saved(tmp_path, "b.ipynb", b'{"a": 1}'))[1]) == ["a: 1"]
    assert code_of(read, tmp_path, "c.ipynb", b'{"cells": [') == "corrupt"


def test_what_rich_text_says_of_itself_is_in_its_encoding(read: Read, tmp_path: Path) -> None:
    title = "".join(f"\\'{byte:02x}" for byte in "Мельница".encode("cp1251"))
    content = rf"{{\rtf1\ansi\ansicpg1251{{\info{{\title {title}}}}}{title}}}".encode()

    outline, sections = read(saved(tmp_path, "a.rtf", content))

    assert (outline.title, texts(sections)) == ("Мельница", ["Мельница"])


def test_documents_that_are_damaged_or_empty_say_so(read: Read, tmp_path: Path) -> None:
    cut = {"a.pptx": slides(("a", "b"))[:2000], "a.xlsx": workbook(A=[["b"]])[:1500], "a.epub": epub("c")[:300]}

    assert {code_of(read, tmp_path, name, content) for name, content in cut.items()} == {"corrupt"}
    assert code_of(read, tmp_path, "b.xlsx", workbook(Empty=[])) == "empty"
    assert code_of(read, tmp_path, "b.epub", epub("<p> </p>")) == "empty"
    assert code_of(read, tmp_path, "b.png", image("a")[:200]) in {"corrupt", "empty"}


@pytest.mark.parametrize("protection", [b"", b"\x86\0\0\0"], ids=["to read", "to read and to write"])
def test_an_old_workbook_with_a_password_says_so(read: Read, tmp_path: Path, protection: bytes) -> None:
    header = bytearray(512)
    header[:8], header[30:32] = bytes.fromhex("d0cf11e0a1b11ae1"), (9).to_bytes(2, "little")
    directory = "Workbook".encode("utf-16-le").ljust(512, b"\0")
    begins = bytes.fromhex("0908 1000 0006 0500") + bytes(12)
    password = bytes.fromhex("2f00 3600 0100") + bytes(52)

    content = bytes(header) + directory + begins + protection + password

    assert code_of(read, tmp_path, "a.xls", content) == "encrypted"


@pytest.mark.parametrize("content", [image("text"), image("text", kind="TIFF", frames=2)])
def test_a_picture_without_recognition_fails_and_says_what_to_install(
    read: Read, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(DocumentError, match="only pictures; install tesseract") as failure:
        read(saved(tmp_path, "a.png", content))

    assert failure.value.code == "empty"


def test_the_pages_that_are_only_pictures_are_counted_in_a_warning(read: Read, tmp_path: Path) -> None:
    drawn = "0 0 0 rg 100 100 200 200 re f"
    content = pdf(["page one", "two"]).replace(b"BT /F1 12 Tf 72 700 Td (two) Tj ET", drawn.encode().ljust(34))

    outline, sections = read(saved(tmp_path, "a.pdf", content))

    assert texts(sections) == ["page one", ""]
    assert outline.warnings == (
        "1 page holds only pictures; install tesseract where the worker runs to have them read",
    )


def test_links_into_the_web_are_kept_once_each(read: Read, tmp_path: Path) -> None:
    text = b"[a](https://example.org/a) <https://example.org/b> https://example.org/a [c](mailto:c)"

    outline, _ = read(saved(tmp_path, "a.md", text))

    assert outline.metadata["links"] == ["https://example.org/a", "https://example.org/b"]


def test_what_closes_a_sentence_or_a_cell_is_not_of_the_address_before_it(read: Read, tmp_path: Path) -> None:
    text = b"See https://example.org/a. Or **https://example.org/b**; then https://example.org/c?\n\n|https://example.org/d|"

    outline, _ = read(saved(tmp_path, "a.md", text))

    assert outline.metadata["links"] == [f"https://example.org/{page}" for page in "abcd"]


def test_an_archive_reads_as_the_list_of_what_is_in_it(read: Read, tmp_path: Path) -> None:
    content = zipped({"b/one.txt": "1", "__MACOSX/b": "x", ".hidden": "x", "b/": "", "two.md": "2"})

    _, sections = read(saved(tmp_path, "a.zip", content))

    assert texts(sections) == ["Archive of 2 files:\nb/one.txt\ntwo.md"]


def test_an_archive_is_unpacked_member_by_member_and_a_damaged_one_costs_itself_only(
    parsers: Parsers, tmp_path: Path
) -> None:
    content = zipped({"one.txt": "first " * 50, "two.txt": "second " * 50, "../three.txt": "third"})
    spoilt = content.replace(content[content.index(b"two.txt") + 7 :][:12], b"\xff" * 12, 1)

    with parsers.unpack(saved(tmp_path, "a.zip", spoilt)) as reading:
        told = list(reading.members())

    assert [one.path for one in told if not isinstance(one, bytes | Spoilt)] == ["one.txt", "two.txt", "../three.txt"]
    assert sum(isinstance(one, Spoilt) for one in told) == 1
    assert b"third" in told


def test_a_bomb_is_not_unpacked(parsers: Parsers, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20_000_000))

    with (
        pytest.raises(DocumentError) as failure,
        parsers.unpack(saved(tmp_path, "a.zip", buffer.getvalue())) as reading,
    ):
        list(reading.members())

    assert failure.value.code == "too_large"


def test_limits_of_archives_and_pictures_are_the_ones_that_were_set(tmp_path: Path) -> None:
    limits = Limits(max_members=2, max_pixels=1000)
    with Parsers(limits) as parsers:
        for name, content in {"a.zip": zipped(dict.fromkeys("abc", "x")), "a.png": image("x")}.items():
            with pytest.raises(DocumentError) as failure, parsers.open(saved(tmp_path, name, content)) as reading:
                list(reading)
            assert failure.value.code == "too_large"
