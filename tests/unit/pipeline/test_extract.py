import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from headrace.pipeline.extract.encoding import encoding_of
from headrace.pipeline.extract.parts import MAX_SECTION_CHARACTERS, Parsed, Part, pieces, read_sections
from headrace.pipeline.extract.table import records_of
from headrace.pipeline.extract.window import Window
from headrace.pipeline.source import Limits, Outline
from tests.unit.pipeline.conftest import Read
from tests.unit.pipeline.documents import (
    CHART,
    DIAGRAM,
    DRAWING,
    OFFICE,
    WORD,
    annotated,
    docx,
    paragraph,
    pdf,
    retyped,
    saved,
    table,
)


def code_of(read: Read, folder: Path, filename: str, content: bytes) -> str:
    with pytest.raises(DocumentError) as failure:
        read(saved(folder, filename, content))
    assert str(folder) not in failure.value.detail
    assert "Traceback" not in failure.value.detail
    return failure.value.code


def texts(sections: list[Section]) -> list[str]:
    return [section.text for section in sections]


def test_a_pdf_is_one_section_a_page_with_offsets_in_pages_joined_by_newlines(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "a.pdf", pdf(["first page", "", "third"])))

    assert [(section.page, section.text) for section in sections] == [(1, "first page"), (2, ""), (3, "third")]
    assert "\n".join(texts(sections))[sections[2].start :] == "third"
    assert (outline.page_count, outline.title) == (3, "The Weir")
    assert outline.metadata["author"] == "Grace"
    assert outline.metadata["created_at"] == "2024-05-06T07:08:09+02:00"


def test_a_pdf_in_the_middle_of_a_shared_file_reads_like_its_own(read: Read, tmp_path: Path) -> None:
    alone = saved(tmp_path, "a.pdf", pdf(["in the middle"]))
    shared = saved(tmp_path, "blob", b"x" * 4097 + alone.path.read_bytes() + b"y" * 99, "application/pdf")
    _, sections = read(replace(shared, offset=4097, size=alone.size))

    assert texts(sections) == ["in the middle"]


def test_the_fields_that_are_filled_and_the_remarks_are_read_with_their_page(read: Read, tmp_path: Path) -> None:
    box = "/Subtype/Widget/FT/Btn/AP<</N<</Yes 5 0 R/Off 5 0 R>>>>"
    form = annotated(
        "The water rises.",
        "/Subtype/Widget/FT/Tx/T(form1[0].City[0])/V(Gr\\374nau)",
        "/Subtype/Widget/FT/Tx/T(f1)/TU(Your name)/V(Ada\\rLovelace)",
        "/Subtype/Widget/FT/Tx/T(Street)/V()",
        "/Subtype/Widget/FT/Ch/Ff 131072/T(Country)/V(France)/Opt[(Spain)(France)]",
        "/Subtype/Widget/FT/Ch/Ff 131072/T(Language)/V(de)/Opt[[(de)(German)][(fr)(French)]]",
        "/Subtype/Widget/FT/Ch/Ff 2097152/T(Grain)/V[(Rye)(Oats)]/I[0 2]/Opt[(Rye)(Corn)(Oats)]",
        "/Subtype/Widget/FT/Ch/Ff 393216/T(Other)/V(Spelt)/Opt[(Rye)]",
        "/Subtype/Widget/FT/Tx/Ff 8192/T(Password)/V(secret)",
        f"{box}/T(Member)/V/Yes/AS/Yes",
        f"{box}/T(Guest)/V/Off/AS/Off",
        "/Subtype/Text/Contents(Ask the miller.)",
        "/Subtype/Highlight/Contents(water  rises)",
        "/Subtype/FreeText/Contents(Urgent)/F 2",
        "/Subtype/FreeText/Contents(Urgent)",
        "/Subtype/Link/Contents(a link)",
    )

    _, sections = read(saved(tmp_path, "a.pdf", form))

    typed = ["City: Grünau", "Your name: Ada\nLovelace"]
    chosen = ["Country: France", "Language: German", "Grain: Rye, Oats", "Other: Spelt", "Member: Yes"]
    assert texts(sections) == ["\n".join(["The water rises.", *typed, *chosen, "Ask the miller.", "Urgent"])]


def test_an_accent_that_is_drawn_upon_its_letter_makes_it_whole(read: Read, tmp_path: Path) -> None:
    def upon(accent: str, letter: str) -> str:
        return f") Tj [({accent}) 440 ({letter})] TJ ("

    acute, diaeresis = "\\264", "\\250"
    names = f"Poincar{upon(acute, 'e')} and M{upon(diaeresis, 'o')}bius, {upon(acute, 'q')} and rock{acute}a"
    content = pdf([names]).replace(b"/BaseFont/Helvetica", b"/BaseFont/Helvetica/Encoding/WinAnsiEncoding")

    _, sections = read(saved(tmp_path, "a.pdf", content))

    assert texts(sections) == ["Poincaré and Möbius, \N{ACUTE ACCENT}q and rock\N{ACUTE ACCENT}a"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Microsoft Word - The mill.docx", "The mill.docx"),
        ("Microsoft PowerPoint - Mills", "Mills"),
        ("Microsoft Word and the mill", "Microsoft Word and the mill"),
        ("The book without a name: untitled", "The book without a name: untitled"),
        ("untitled", None),
        ("Untitled document", None),
    ],
)
def test_what_a_printing_program_made_of_a_title_is_no_part_of_it(
    read: Read, tmp_path: Path, written: str, expected: str | None
) -> None:
    outline, _ = read(saved(tmp_path, "a.pdf", pdf(["text"], title=written)))

    assert outline.title == expected


def test_a_pdf_that_is_but_the_shell_of_a_form_says_so(read: Read, tmp_path: Path) -> None:
    catalog = "/NeedsRendering true/AcroForm<</Fields[]/XFA()>>"
    shell = pdf(["Please wait... If this message is not eventually replaced"], catalog=catalog)

    outline, _ = read(saved(tmp_path, "a.pdf", shell))

    assert "only programs by Adobe show" in outline.warnings[0]


def test_a_pdf_that_is_locked_cut_or_a_mere_scan_says_so(read: Read, tmp_path: Path) -> None:
    assert code_of(read, tmp_path, "a.pdf", pdf(["secret"], encrypt=True)) == "encrypted"
    assert code_of(read, tmp_path, "b.pdf", pdf(["text"] * 20)[:1500]) == "corrupt"
    assert code_of(read, tmp_path, "c.pdf", b"%PDF-1.7\n%%EOF") == "corrupt"
    assert code_of(read, tmp_path, "d.pdf", pdf(["", ""])) == "empty"
    assert code_of(read, tmp_path, "e.pdf", pdf(["too long"] * 51)) == "too_large"


def test_a_word_document_is_cut_at_headings_with_its_tables_as_text(read: Read, tmp_path: Path) -> None:
    body = (
        paragraph("before")
        + paragraph("Water &amp; wheel", is_heading=True)
        + paragraph("below")
        + table([["a", "b"], ["c", "d"]])
    )

    outline, sections = read(saved(tmp_path, "a.docx", docx(body)))

    assert texts(sections) == ["before", "Water & wheel\nbelow\na | b\nc | d"]
    assert [section.heading for section in sections] == [None, "Water & wheel"]
    assert sections[1].start == len("before") + 1
    assert outline.title == "The Mill"
    assert outline.metadata == {"author": "Ada", "created_at": "2024-05-06T07:08:09+00:00"}


def test_insertions_links_and_content_controls_of_a_word_document_are_read_and_deletions_not(
    read: Read, tmp_path: Path
) -> None:
    body = (
        "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:tab/><w:t>link</w:t></w:r></w:hyperlink></w:p>"
        f"<w:sdt><w:sdtContent>{paragraph('within')}</w:sdtContent></w:sdt>"
    )

    _, sections = read(saved(tmp_path, "a.docx", docx(body)))

    assert texts(sections) == ["new\tlink\nwithin"]


def test_what_was_moved_is_read_once_and_cells_and_formulas_are_not_lost(read: Read, tmp_path: Path) -> None:
    moved = "<w:r><w:t>moved</w:t></w:r>"
    cell = f"<w:sdt><w:sdtContent><w:tc>{paragraph('Ada')}</w:tc></w:sdtContent></w:sdt>"
    body = (
        f"<w:p><w:moveFrom>{moved}</w:moveFrom></w:p><w:p><w:moveTo>{moved}</w:moveTo></w:p>"
        f"<w:tbl><w:tr><w:tc>{paragraph('Name')}</w:tc>{cell}</w:tr></w:tbl>"
        '<w:p><m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math">'
        "<m:r><m:t>E=mc²</m:t></m:r></m:oMath></w:p>"
    )

    _, sections = read(saved(tmp_path, "a.docx", docx(body)))

    assert texts(sections) == ["\nmoved\nName | Ada\nE=mc²"]


def test_a_style_is_a_heading_by_its_level_or_by_what_it_is_based_on(read: Read, tmp_path: Path) -> None:
    styles = {"Based": "kapitel", "Lead": "lead", "Level": "teil"}
    body = "".join(paragraph(text, is_heading=True, style=style) + paragraph("text") for text, style in styles.items())

    _, sections = read(saved(tmp_path, "a.docx", docx(body)))

    assert [(one.heading, one.text) for one in sections] == [
        ("Based", "Based\ntext\nLead\ntext"),
        ("Level", "Level\ntext"),
    ]


def test_notes_and_comments_of_a_word_document_follow_what_they_are_about(read: Read, tmp_path: Path) -> None:
    def notes(kind: str, text: str) -> str:
        line = f'<w:{kind} w:id="0" w:type="separator">{paragraph("")}</w:{kind}>'
        return f'<w:{kind}s {WORD}>{line}<w:{kind} w:id="2">{paragraph(text)}</w:{kind}></w:{kind}s>'

    refers = "<w:p><w:r><w:t>{}</w:t></w:r><w:r><w:{}Reference w:id='2'/></w:r></w:p>"
    body = (
        refers.format("A mill", "footnote")
        + table([["of oak"]]).replace("</w:r>", '</w:r><w:r><w:commentReference w:id="2"/></w:r>')
        + paragraph("at a weir", is_heading=True)
        + refers.format("stands", "endnote")
    )
    beside = {f"{kind}s": notes(kind, f"see {kind}") for kind in ("footnote", "endnote", "comment")}

    _, sections = read(saved(tmp_path, "a.docx", docx(body, **beside)))

    assert texts(sections) == ["A mill\nsee footnote\nof oak\nsee comment", "at a weir\nstands\nsee endnote"]


def test_headers_and_footers_of_a_word_document_come_last_and_once(read: Read, tmp_path: Path) -> None:
    header = f"<w:hdr {WORD}>{paragraph('The Weir Ltd.')}</w:hdr>"
    number = f"<w:ftr {WORD}>{paragraph('12')}</w:ftr>"
    footer = f"<w:ftr {WORD}>{table([['Confidential', 'of 2024']])}</w:ftr>"
    document = docx(paragraph("text"), header1=header, header2=header, footer1=number, footer2=footer)

    _, sections = read(saved(tmp_path, "a.docx", document))

    assert [(one.heading, one.text) for one in sections] == [
        (None, "text"),
        (None, "The Weir Ltd.\nConfidential | of 2024"),
    ]


def test_charts_and_diagrams_of_a_word_document_are_read_where_they_stand(read: Read, tmp_path: Path) -> None:
    relation = f'xmlns:r="{OFFICE}"'
    drawn = (
        f'<w:p><w:r><c:chart {DRAWING} {relation} r:id="rchart"/></w:r></w:p>'
        f'<w:p><w:r><dgm:relIds {DRAWING} {relation} r:dm="rdiagramData"/></w:r></w:p>'
    )
    document = docx(drawn + paragraph("behind"), chart=CHART, diagramData=DIAGRAM)

    _, sections = read(saved(tmp_path, "a.docx", document))

    lines = "".join(texts(sections)).split("\n")
    assert list(filter(None, lines)) == ["Flow", "Litres", "Dig the race", "Hang the wheel", "behind"]


def test_a_part_of_a_word_document_that_is_broken_costs_itself_only(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.docx", docx(paragraph("text"), footnotes="<w:footnotes")))

    assert texts(sections) == ["text"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ],
)
def test_a_word_document_with_macros_and_a_template_are_read_like_any_other(
    read: Read, tmp_path: Path, kind: str
) -> None:
    _, sections = read(saved(tmp_path, "a.docm", retyped(docx(paragraph("text")), kind)))

    assert texts(sections) == ["text"]


def test_a_word_document_whose_picture_was_lost_is_read(read: Read, tmp_path: Path) -> None:
    lost = f'<Relationship Id="r9" Type="{OFFICE}/image" Target="../NULL"/>'

    _, sections = read(saved(tmp_path, "a.docx", docx(paragraph("text"), relations=lost)))

    assert texts(sections) == ["text"]


def test_a_word_document_that_is_cut_or_empty_says_so(read: Read, tmp_path: Path) -> None:
    whole = docx(paragraph("text"))

    assert code_of(read, tmp_path, "a.docx", whole[: len(whole) // 2]) == "corrupt"
    assert code_of(read, tmp_path, "b.docx", docx("")) == "empty"
    assert code_of(read, tmp_path, "c.docx", docx("<w:p><not closed")) == "corrupt"


def test_a_web_page_is_what_a_reader_sees(read: Read, tmp_path: Path) -> None:
    page = b"""<!doctype html><html><head><title> The  Sluice </title><meta name=author content=Ada>
    <style>p {}</style></head><body><nav>home</nav>intro<h1>One <i>first</i></h1><p>a <b>bold</b>
    word<br>next</p><script>alert(1)</script><table><tr><td>x<td>y</table><h2>Two</h2><pre>  kept
    as is</pre></body></html>"""

    outline, sections = read(saved(tmp_path, "a.html", page))

    assert texts(sections) == ["intro", "One first\n\na bold word\nnext\n\nx | y", "Two\n\n  kept\n    as is"]
    assert [section.heading for section in sections] == [None, "One first", "Two"]
    assert (outline.title, outline.metadata) == ("The Sluice", {"author": "Ada"})


def test_cells_of_a_layout_that_are_empty_leave_no_marks(read: Read, tmp_path: Path) -> None:
    page = (
        "<table><tr><td></td><td>&nbsp;</td><td></td></tr>"
        "<tr><td><p>The mill</p></td><td><p>turns</p></td><td></td></tr>"
        "<tr><td>water</td><td></td><td>wood</td></tr></table>"
    )

    _, sections = read(saved(tmp_path, "a.html", page.encode()))

    assert texts(sections) == ["The mill\n\nturns\n\nwater | | wood"]


def test_a_tag_that_nobody_closed_is_not_read_and_costs_nothing_else(read: Read, tmp_path: Path) -> None:
    page = b"<!doctype html><p>The race</p>" + b"<em<h1>A mill</h1><p>of <b<p>oak</p>" * 3

    _, sections = read(saved(tmp_path, "a.html", page))

    assert texts(sections) == ["The race", *["A mill\n\nof\n\noak"] * 3]


def test_in_xhtml_what_ends_where_it_begins_swallows_nothing(read: Read, tmp_path: Path) -> None:
    head = '<head><title/><script type="text/javascript" src="a.js"/></head>'
    page = f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">{head}<body><p>text</p></body></html>'

    _, sections = read(saved(tmp_path, "a.xhtml", page.encode()))

    assert texts(sections) == ["text"]


def test_a_web_page_in_a_declared_encoding_is_decoded(read: Read, tmp_path: Path) -> None:
    page = '<html><meta charset="windows-1251"><body>Привет, вода</body>'.encode("cp1251")

    _, sections = read(saved(tmp_path, "a.html", page))

    assert texts(sections) == ["Привет, вода"]


def test_a_web_page_nested_beyond_all_measure_is_read(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.html", b"<html>" + b"<div>" * 5_000 + b"deep"))

    assert texts(sections) == ["deep"]


def test_markdown_keeps_its_text_and_is_cut_at_headings(read: Read, tmp_path: Path) -> None:
    front = '---\ntitle: "The Weir"\nauthor: Ada\n---\n'
    body = "intro\n# One\ntext\n```\n# no heading\n```\nTwo\n===\nmore"
    content = (front + body).replace("\n", "\r\n")

    outline, sections = read(saved(tmp_path, "a.md", content.encode()))

    assert [section.heading for section in sections] == [None, "One", "Two"]
    assert all(content[section.start :].startswith(section.text) for section in sections)
    assert "".join(texts(sections)) == body.replace("\n", "\r\n")
    assert (outline.title, outline.metadata) == ("The Weir", {"author": "Ada"})


def test_each_row_of_a_table_explains_itself(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.csv", b'name;note\nAda;"two\nlines"\n;\nGrace;\n'))

    assert texts(sections) == ["name: Ada\nnote: two\nlines\n\nname: Grace"]


def test_a_table_of_one_row_is_that_row(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.csv", b"Invoice,Customer\n"))

    assert texts(sections) == ["Invoice | Customer"]


def test_quotes_within_a_cell_are_read_however_late_they_come(read: Read, tmp_path: Path) -> None:
    rows = [f'{number},"text, number {number}"\n' for number in range(2_000)]
    last = '2000,"she said ""hello, world"" to me"\n'

    _, sections = read(saved(tmp_path, "a.csv", "".join(["id,note\n", *rows, last]).encode()))

    assert sections[-1].text.endswith('id: 2000\nnote: she said "hello, world" to me')


def test_a_table_without_names_counts_its_columns(read: Read, tmp_path: Path) -> None:
    _, sections = read(saved(tmp_path, "a.csv", b"1,2\n3,4\n"))

    assert texts(sections) == ["column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: 4"]


@pytest.mark.parametrize("content", [b",name\n0,Ada\n1,Grace\n", b"place,name,\n0,Ada,\n1,Grace,\n"])
def test_a_table_may_leave_out_the_name_of_its_first_or_last_column(read: Read, tmp_path: Path, content: bytes) -> None:
    _, sections = read(saved(tmp_path, "a.csv", content))

    first = "place" if content.startswith(b"place") else "column 1"
    assert texts(sections) == [f"{first}: 0\nname: Ada\n\n{first}: 1\nname: Grace"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\nname,state\nmill,turning\n", ["name: mill\nstate: turning"]),
        ("Report\n\nname;price\nmill;1,5\nweir;2,5\n", ["Report", "name: mill\nprice: 1,5", "name: weir\nprice: 2,5"]),
        (
            "Report,,\nMade by,Ada,\n,,\nplace,Q1,Q2\nmill,3,4\n",
            ["Report", "Made by | Ada", "place: mill\nQ1: 3\nQ2: 4"],
        ),
        ("place,phone,phone\nmill,1,2\n", ["place: mill\nphone: 1\nphone (2): 2"]),
        ("yes,yes,no\nyes,no,no\n", ["column 1: yes\ncolumn 2: yes\ncolumn 3: no"]),
        ("country,2019,2020\nFrance,67,68\n", ["country: France\n2019: 67\n2020: 68"]),
        ("Ada,1815\nGrace,1906\n", ["column 1: Ada\ncolumn 2: 1815"]),
        ("mill,3\nweir,5\n", ["column 1: mill\ncolumn 2: 3"]),
        (",0,1\nmill,5.1,3.5\n", ["column 1: mill\n0: 5.1\n1: 3.5"]),
        ("name,price,,note\nmill,3,x,good\n", ["name: mill\nprice: 3\ncolumn 3: x\nnote: good"]),
        ("Ada,,London\nGrace,x,Paris\n", ["column 1: Ada\ncolumn 3: London"]),
        ("sep=;\nname;price\nmill;1,5\n", ["name: mill\nprice: 1,5"]),
        ("a,b\n1,2,3\n", ["a: 1\nb: 2\ncolumn 3: 3"]),
    ],
)
def test_rows_keep_the_names_of_their_columns(read: Read, tmp_path: Path, content: str, expected: list[str]) -> None:
    _, sections = read(saved(tmp_path, "a.csv", content.encode()))

    assert texts(sections)[0].split("\n\n")[: len(expected)] == expected


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "b", "2020", "7", "x y"]), min_size=1, max_size=5), max_size=8).filter(
        lambda rows: any(map(any, rows))
    )
)
def test_no_value_of_a_table_is_lost(rows: list[list[str]]) -> None:
    said = " ".join(records_of(rows))

    unsaid = [row for row in rows if not all(cell in said for cell in row)]
    assert len(unsaid) <= 1  # a header, with the name of a column that has no value


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"loss": NaN, "epoch": 3}', "loss: nan\nepoch: 3"),
        (b'{"a": 1}\n{"a": 2}\n', "a: 1\n\na: 2"),
        (b'// "why"\n{"a": "http://x", /* two\nlines */ "b": ["1,]", "2",], }\n', "a: http://x\nb: 1,], 2"),
    ],
)
def test_json_as_many_programs_write_it_is_read(read: Read, tmp_path: Path, content: bytes, expected: str) -> None:
    _, sections = read(saved(tmp_path, "a.json", content))

    assert texts(sections) == [expected]


def test_json_becomes_lines_of_path_and_value(read: Read, tmp_path: Path) -> None:
    value = [
        {"name": "Ada", "tags": ["a", "b"], "at": {"city": "Köln"}, "none": None},
        {"rows": [{"x": 1}, {"x": True}]},
    ]

    _, sections = read(saved(tmp_path, "a.json", json.dumps(value).encode()))

    assert texts(sections) == ["name: Ada\ntags: a, b\nat.city: Köln\n\nrows.0.x: 1\nrows.1.x: yes"]


def test_broken_json_says_where(read: Read, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="line 2") as failure:
        read(saved(tmp_path, "a.json", b'{"a":\n  nothing}'))

    assert failure.value.code == "corrupt"


def test_a_broken_line_among_json_lines_is_left_out_and_said(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "a.jsonl", b'{"a": 1}\nno\n\n{"a": 2}'))

    assert texts(sections) == ["a: 1\n\na: 2"]
    assert outline.warnings == ("line 2 is no JSON and was left out",)
    assert code_of(read, tmp_path, "b.jsonl", b'{"a"\n') == "corrupt"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_is_read_in_its_encoding(read: Read, tmp_path: Path, encoding: str) -> None:
    text = "Die schöne Straße führt über die größte Brücke der Stadt, sagt Jürgen Müller aus Köln.\n"

    _, sections = read(saved(tmp_path, "a.txt", text.encode(encoding)))

    assert texts(sections) == [text]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_few_wrong_bytes_spoil_nothing_but_themselves(read: Read, tmp_path: Path, mark: bytes) -> None:
    text = "Die schöne Straße führt über die größte Brücke.\n"

    _, sections = read(saved(tmp_path, "a.txt", mark + text.encode() + b"\xff!\n" + text.encode()))

    assert texts(sections) == [f"{text}\ufffd!\n{text}"]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.md"])
def test_a_stray_nul_in_a_text_is_a_character_that_cannot_be_shown(read: Read, tmp_path: Path, name: str) -> None:
    content = b"place,state\nmill\x00,turning\n" + b"weir,holding\n" * 20

    _, sections = read(saved(tmp_path, name, content))

    assert "mill\ufffd" in sections[0].text
    assert "holding" in sections[0].text


def test_japanese_mail_encoding_is_read_though_its_bytes_are_ascii(read: Read, tmp_path: Path) -> None:
    text = "これは古い文字コードで書かれた普通の日本語の文章です。\n"

    _, sections = read(saved(tmp_path, "a.txt", text.encode("iso2022_jp")))

    assert texts(sections) == [text]


def test_long_text_comes_in_bounded_sections_that_continue_each_other(read: Read, tmp_path: Path) -> None:
    text = "".join(f"Line {number} of a very long text, with some words.\n" for number in range(40_000))

    _, sections = read(saved(tmp_path, "a.txt", text.encode()))

    assert "".join(texts(sections)) == text
    assert max(len(section.text) for section in sections) <= MAX_SECTION_CHARACTERS
    assert all(text[section.start :].startswith(section.text) for section in sections)


@pytest.mark.parametrize("content", [b"", b" \n\t ", "\ufeff".encode()])
def test_nothing_but_white_space_is_a_failure_and_no_success(read: Read, tmp_path: Path, content: bytes) -> None:
    assert code_of(read, tmp_path, "a.txt", content) == "empty"


@given(st.lists(st.text(alphabet="a \n\x00\ud800é", max_size=40), min_size=1, max_size=5), st.booleans())
def test_sections_stand_at_their_offsets_and_hold_no_character_that_a_database_refuses(
    parts: list[str], has_pages: bool
) -> None:
    made = [Part(text=text, fraction=0.5, page=index + 1 if has_pages else None) for index, text in enumerate(parts)]
    whole = "\n".join(parts).replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    parsed = Parsed(outline=Outline(), parts=iter(made))

    if not whole.strip():
        with pytest.raises(DocumentError, match="no text"):
            list(read_sections(parsed, Limits()))
        return
    sections = [section for section, _ in read_sections(parsed, Limits())]

    assert all(whole[section.start :].startswith(section.text) for section in sections)
    assert len(sections) == (len(parts) if has_pages else sum(bool(text) for text in parts))


@given(st.text(alphabet="ab. \n", max_size=300), st.integers(2, 50))
def test_pieces_are_contiguous_and_bounded(text: str, limit: int) -> None:
    found = list(pieces(text, limit))

    assert "".join(found) == text
    assert all(0 < len(piece) <= limit for piece in found)


@given(st.binary(max_size=400))
def test_any_bytes_have_an_encoding_that_decodes_them(data: bytes) -> None:
    data.decode(encoding_of(io.BytesIO(data)), "replace")


@given(
    st.binary(max_size=300),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(-20, 320), st.integers(0, 2)), max_size=8),
)
def test_a_window_reads_like_a_file_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, offset: int, moves: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "shared"
    path.write_bytes(b"<" * offset + data + b">" * 50)
    alone = io.BytesIO(data)

    with path.open("rb") as file:
        window = Window(file.fileno(), offset, len(data))
        for target, whence in moves:
            if whence == 0 and target < 0:
                continue
            assert window.seek(target, whence) == alone.seek(target, whence)
            assert window.read(7) == alone.read(7)
