"""Files that went wrong: seeded mutations of real ones of every format, and some that were made to do harm."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping

import xlsxwriter

from tests.unit.pipeline.documents import (
    CHART,
    DIAGRAM,
    DRAWING,
    RICH,
    WORD,
    annotated,
    docx,
    epub,
    image,
    mail,
    paragraph,
    pdf,
    slides,
    stamped,
    strict,
    table,
    workbook,
    zipped,
)

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ZIP_BASED = (".docx", ".pptx", ".xlsx", ".epub", ".zip")


def originals() -> Mapping[str, bytes]:
    """A sound file of each format; of some, one with all that may be in it and a plain one."""
    plain = docx(paragraph("The head", is_heading=True) + paragraph("text below it") + table([["a", "b"], ["c", "d"]]))
    relation = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    refers = "".join(f'<w:{kind}Reference w:id="2"/>' for kind in ("footnote", "endnote", "comment"))
    drawn = f'<c:chart {DRAWING} {relation} r:id="rchart"/><dgm:relIds {DRAWING} {relation} r:dm="rdiagramData"/>'
    notes = {
        f"{kind}s": f'<w:{kind}s {WORD}><w:{kind} w:id="2">{paragraph(kind)}</w:{kind}></w:{kind}s>'
        for kind in ("footnote", "endnote", "comment")
    }
    header = f"<w:hdr {WORD}>{paragraph('The Weir Ltd.')}</w:hdr>"
    word = docx(f"<w:p><w:r>{refers}{drawn}</w:r></w:p>", header1=header, chart=CHART, diagramData=DIAGRAM, **notes)
    names = f'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" {DRAWING}'
    remarks = f"<p:cmLst {names}><p:cm><p:text>Too long?</p:text></p:cm></p:cmLst>"
    slide = slides(
        ("The Mill", "water\nwheel"), ("The Weir", "wood"), comments=remarks, diagramData=DIAGRAM, chart=CHART
    )
    letter = mail("Hello\nthere\n", {"a.pdf": pdf(["attached"]), "b.csv": b"a,b\n1,2\n"}, page="<p>Hello</p>")
    envelope = b"From ada@example.org Mon May  6 07:08:09 2024\n"
    printed = {"output_type": "stream", "name": "stdout", "text": ["4\n"]}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Gauges\n", "and weirs"]},
        {"cell_type": "code", "metadata": {}, "source": "2 + 2", "outputs": [printed]},
    ]
    form = annotated(
        "The water rises.",
        "/Subtype/Widget/FT/Tx/T(City)/V(Gr\\374nau)",
        "/Subtype/Widget/FT/Ch/Ff 131072/T(Language)/V(de)/Opt[[(de)(German)][(fr)(French)]]",
        "/Subtype/Text/Contents(Ask the miller.)",
    )
    page = b"<!doctype html><title>t</title><h1>a</h1><table><tr><td>b<td>c</table><p>d <a href=https://e.org>e</a>" * 3
    return {
        "a.pdf": pdf(["one", "two", "three"]),
        "form.pdf": form,
        "stamped.pdf": stamped(("a page", "of a scan"), stamp="ABC-000017", x=500, y=20),
        "plain.docx": plain,
        "strict.docx": strict(plain),
        "a.docx": word,
        "a.pptx": slide,
        "a.xlsx": remarked_workbook(),
        "a.epub": epub("<h1>One</h1><p>first</p>", "<h1>Two</h1><p>second</p>"),
        "a.eml": letter,
        "a.mbox": envelope + letter + b"\n" + envelope + b"Subject: Rain\n\nIndeed\n",
        "a.rtf": RICH,
        "a.html": page,
        "news.rss": b"<rss><channel><title>t</title><item><title>a</title><description>&lt;p&gt;b</description></item>"
        b"</channel></rss>",
        "a.xml": b'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE a [<!ENTITY b "c">]><a x="1"><row>&b; d</row></a>',
        "a.md": b"---\ntitle: t\n---\n# a\n```\nb\n```\nc\n===\n[d](https://e.org)\n",
        "a.json": b'[{"a": [1, {"b": null}], "c": "\\u00e9"}, {"d": true}]',
        "a.ndjson": b'{"a": 1}\n{"b": [2, 3]}\n',
        "a.jsonc": b'{\n  // of a mill\n  "a": [1, 2,], /* b */ "c": NaN,\n}',
        "a.ipynb": json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode(),
        "a.csv": b'a,b\n"1\n2",2\n3,4\n',
        "a.txt": "Grüße aus der Mühle\n".encode("utf-16"),
        "old.txt": "Вода поднимается над плотиной, и мельница стоит.\n".encode("koi8-r") * 3,
        "a.py": b"import os\n\n\ndef mill(water):\n    return water + 1\n" * 9,
        "a.png": image("text"),
        "a.jpg": image("text", kind="JPEG"),
        "a.tif": image("text", kind="TIFF", frames=2),
        "a.zip": zipped({"one.txt": "first", "two/three.md": "# third", "four.csv": "a,b\n1,2"}),
    }


def remarked_workbook() -> bytes:
    """A workbook with numbers that have units, a comment, a text box and a chart."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Levels")
        sheet.write_row(0, 0, ["place", "height", "share"])
        sheet.write_row(1, 0, ["weir", 1.5])
        sheet.write(1, 2, 0.255, book.add_format({"num_format": "0.0%"}))
        sheet.write_comment("A2", "measured by Ada")
        sheet.insert_textbox("E5", "read twice a day")
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "=Levels!$B$2:$B$2", "name": "Flow rate"})
        sheet.insert_chart("F9", chart)
    return buffer.getvalue()


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few bits turned over, up to one in a hundred bytes."""
    content = bytearray(data)
    for _ in range(rng.randint(1, max(1, len(content) // 100))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Without its end, or without its beginning."""
    place = rng.randrange(len(data))
    return data[:place] if rng.random() < 0.8 else data[place:]


def repeated(data: bytes, rng: random.Random) -> bytes:
    """A stretch of it stands several times."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * rng.randint(1, 20) + data[end:]


def removed(data: bytes, rng: random.Random) -> bytes:
    """A stretch of it is missing, or is all zeros."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + (bytes(end - start) if rng.random() < 0.5 else b"") + data[end:]


def numbered(data: bytes, rng: random.Random) -> bytes:
    """Numbers in it are the largest or smallest that fit."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        size = rng.choice((1, 2, 4))
        value = rng.choice(INTERESTING) & ((1 << 8 * size) - 1)
        place = rng.randrange(max(1, len(content) - size))
        content[place : place + size] = value.to_bytes(size, rng.choice(("little", "big")))
    return bytes(content)


def spliced(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Its beginning, and the end of another."""
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def repacked(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A sound zip file again, of which some members went wrong, are doubled, missing, or under odd names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for member in archive.infolist():
            content, fate = archive.read(member), rng.random()
            if fate < 0.3 and content:
                content = rng.choice(PLAIN)(content, rng)
            elif fate < 0.35:
                content = other
            elif fate < 0.4:
                continue
            name = rng.choice(("../" * 9 + "x", "/etc/x", "x" * 9_000, "")) if fate > 0.97 else member.filename
            out.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


PLAIN: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, cut, repeated, removed, numbered)


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many files, each under the name of what it was."""
    rng, whole = random.Random(seed), originals()
    for number in range(count):
        name = list(whole)[number % len(whole)]
        data, other = whole[name], whole[rng.choice(list(whole))]
        fate = rng.random()
        if name.endswith(ZIP_BASED) and fate < 0.5:
            yield name, repacked(data, rng, other)
        elif fate > 0.9:
            yield name, spliced(data, rng, other)
        else:
            for _ in range(rng.randint(1, 3)):
                data = rng.choice(PLAIN)(data, rng) or b"x"
            yield name, data


LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12)
) + "]>"  # fmt: skip


def with_member(data: bytes, name: str, content: bytes | str) -> bytes:
    """A zip file in which one member is another."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for member in archive.infolist():
            out.writestr(member.filename, content if member.filename == name else archive.read(member))
    return buffer.getvalue()


def laughing(data: bytes, name: str) -> bytes:
    """A zip file in which a part expands to a hundred billion characters, if one lets it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read(name).decode()
    begun = xml.partition("?>")
    body = (begun[2] or xml).replace("</", "&a11;</", 1)
    return with_member(data, name, f'<?xml version="1.0"?>{LAUGHS}{body}')


def png(width: int, height: int) -> bytes:
    """A small file that says it is a large picture."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", zlib.compress(bytes(1000))) + block(b"IEND", b"")
    )


def nested(depth: int) -> bytes:
    """An archive in an archive in an archive."""
    content = zipped({"deep.txt": "deep"})
    for _ in range(depth):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for copy in range(2):
                archive.writestr(f"{copy}.zip", content)
        content = buffer.getvalue()
    return content


def overlapping() -> bytes:
    """Many entries that all point at the same packed bytes (Fifield 2019, without the quoting)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(5_000_000))
    data = buffer.getvalue()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], data[data.index(b"PK\x05\x06") :]
    count = 300
    entries = b"".join(entry[:28] + struct.pack("<H", 4) + entry[30:46] + b"%04d" % number for number in range(count))
    return data[:start] + entries + end[:8] + struct.pack("<HHI", count, count, len(entries)) + end[16:]


def lying() -> bytes:
    """A member that unpacks to far more than it declares."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"x" * 30_000_000)
    return buffer.getvalue().replace(struct.pack("<I", 30_000_000), struct.pack("<I", 10))


def looping_pdf() -> bytes:
    """A tree of pages that leads back to its root."""
    return pdf(["one"]).replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]").replace(b"/Count 1", b"/Count 9999999")


def huge_page_pdf() -> bytes:
    """A page of picture alone that is many kilometres wide."""
    drawn = b"0 0 0 rg 9 9 9 9 re f"
    content = pdf(["x" * 20]).replace(b"[0 0 612 792]", b"[0 0 9e9 9e9]")
    return content.replace(b"BT /F1 12 Tf 72 700 Td (" + b"x" * 20 + b") Tj ET", drawn.ljust(49))


def far_cell() -> bytes:
    """A sheet whose last cell is the last that there can be."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    names = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = f"<worksheet {names}><sheetData>{cells}</sheetData></worksheet>"
    return with_member(workbook(A=[["x"]]), "xl/worksheets/sheet1.xml", sheet)


def russian_mail(depth: int) -> bytes:
    """A mail in a mail in a mail."""
    head = b"From: a@example.org\nSubject: s\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n"
    return head * depth + b"Subject: end\n\nend"


def parted_mail(count: int) -> bytes:
    """A mail of very many attachments."""
    part = b"--b\nContent-Disposition: attachment; filename=a.txt\n\nx\n"
    head = b"From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head + part * count + b"--b--\n"


def harmful() -> Mapping[str, bytes]:
    """Files made to cost far more than they weigh, each under a name that says how."""
    whole = originals()
    return {
        "laughs.docx": laughing(whole["a.docx"], "word/document.xml"),
        "laughs.pptx": laughing(whole["a.pptx"], "ppt/slides/slide1.xml"),
        "laughs.xlsx": laughing(whole["a.xlsx"], "xl/workbook.xml"),
        "laughs.epub": laughing(whole["a.epub"], "OEBPS/book.opf"),
        "laughs.xml": b'<!DOCTYPE a [<!ENTITY a "ha">'
        + b"".join(b'<!ENTITY %c "%s">' % (new, b"&%c;" % (new - 1) * 10) for new in b"bcdefghi")
        + b"]><a>&i;</a>",
        "far.xlsx": far_cell(),
        "nested.zip": nested(6),
        "overlapping.zip": overlapping(),
        "lying.zip": lying(),
        "widest.png": png(2**31 - 1, 2**31 - 1),
        "loop.pdf": looping_pdf(),
        "kilometres.pdf": huge_page_pdf(),
        "kids.pdf": pdf(["a"]).replace(b"/Count 1", b"/Count 99999999"),
    } | harmful_by_size(1)


def harmful_by_size(scale: float) -> Mapping[str, bytes]:
    """Those that cost what they do by the number of something, `scale` times as many as `harmful` has."""

    def times(count: int) -> int:
        return int(count * scale)

    links = "{\\field{\\*\\fldinst HYPERLINK " * times(20_000)
    return {
        "elements.docx": docx("<w:r/>" * times(1_600_000)),
        "nested.docx": docx("<w:sdt><w:sdtContent>" * times(20_000)),
        "members.zip": zipped({str(number): "" for number in range(times(10_001))}),
        "zeros.zip": zipped({"a.txt": "\0" * times(40_000_000)}),
        "wide.png": png(times(60_000), times(60_000)),
        "deep.json": b"[" * times(500_000) + b"]" * times(500_000),
        "deep.html": b"<html>" + b"<b><i><table><tr><td>" * times(100_000),
        "attributes.html": b"<html><p " + b"a='x' " * times(300_000) + b">text",
        "elements.xml": b"<a>" + b"<b/>" * times(400_000) + b"text</a>",
        "unclosed.rss": b"<rss><item><description>" + b"&lt;p " * times(1_000_000) + b"</description><a/></item></rss>",
        "authors.xml": b"<authors>" + b"<author>a</author>" * times(100_000) + b"</authors>",
        "entity.xml": b'<!DOCTYPE a [<!ENTITY b "'
        + b"x" * times(50_000)
        + b'">]><a>'
        + b"&b;" * times(50_000)
        + b"</a>",
        "deep.rtf": b"{\\rtf1 " + b"{" * times(500_000) + b"text",
        "fields.rtf": b"{\\rtf1 " + links.encode(),
        "hexes.rtf": b"{\\rtf1 " + b"\\'e4" * times(1_000_000) + b"}",
        "russian.eml": russian_mail(times(3_000)),
        "parts.eml": parted_mail(times(5_000)),
        "header.eml": b"Subject: " + b"=?utf-8?q?x?= " * times(100_000) + b"\nFrom: a\n\ntext",
        "addresses.eml": b"From: " + b'"a" <a@example.org>, ' * times(50_000) + b"\n\ntext",
        "boundary.eml": b"From: a\nContent-Type: multipart/mixed; boundary=\n\n" + b"--\n" * times(100_000),
        "cell.csv": b'a,b\n"' + b"x" * times(3_000_000),
        "columns.csv": b",".join(b"c%d" % number for number in range(times(200_000))) + b"\n" + b"1," * times(200_000),
        "heading.md": b"# " * times(1_000_000),
        "line.py": b"def " + b"a(" * times(500_000),
        "colons.py": (b"a" * 400 + b" ") * times(5_000),
    }
