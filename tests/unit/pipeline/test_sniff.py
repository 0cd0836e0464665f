from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.errors import UnsupportedType
from headrace.pipeline.extract import FORMATS
from headrace.pipeline.sniff import (
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JSON,
    JSON_LINES,
    MAILBOX,
    MARKDOWN,
    NOTEBOOK,
    ODS,
    PDF,
    PNG,
    PPTX,
    RTF,
    TEXT,
    XLS,
    XLSX,
    XML,
    ZIP,
    sniff,
)
from tests.unit.pipeline.documents import docx, paragraph, pdf, zipped

OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def sniffed(folder: Path, filename: str, content: bytes) -> str:
    path = folder / "bytes"
    path.write_bytes(content)
    return sniff(path, filename)


def compound(*entries: str) -> bytes:
    """An OLE file whose directory, in its first sector, has these entries."""
    header = bytearray(512)
    header[:8], header[30:32] = OLE, (9).to_bytes(2, "little")
    return bytes(header) + b"".join(entry.encode("utf-16-le").ljust(128, b"\0") for entry in entries).ljust(512, b"\0")


@pytest.mark.parametrize(
    ("filename", "content", "expected"),
    [
        ("report.pdf", pdf(["a"]), PDF),
        ("report.txt", pdf(["a"]), PDF),
        ("cut.pdf", pdf(["a"])[:20], PDF),
        ("letter.docx", docx(paragraph("a")), DOCX),
        ("letter", docx(paragraph("a")), DOCX),
        ("broken.docx", docx(paragraph("a"))[:300], DOCX),
        ("locked.docx", compound("EncryptedPackage"), DOCX),
        ("page.html", b"<p>no doctype</p>", HTML),
        ("page.txt", b"\n <!DOCTYPE html><p>a", HTML),
        ("notes.md", b"# a", MARKDOWN),
        ("rows.csv", b"a,b\n1,2", CSV),
        ("rows.tsv", b"a\tb\n1\t2", CSV),
        ("data.json", b'{"a": 1}', JSON),
        ("data.json", b'{"a": ', JSON),
        ("data", b'[{"a": 1}]', JSON),
        ("data.jsonl", b'{"a": 1}\n{"a": 2}', JSON_LINES),
        ("settings.jsonc", b'// said\n{"a": 1}', JSON),
        ("notes.ipynb", b'{"cells": []}', NOTEBOOK),
        ("notes.ipynb", b"no brace", TEXT),
        ("data.json", b"no brace in sight", TEXT),
        ("message", b"[note] to self", TEXT),
        ("empty.txt", b"", TEXT),
        ("empty.pdf", b"", TEXT),
        ("a.txt", "schöne Grüße".encode(), TEXT),
        ("a.txt", "schöne Grüße".encode("utf-16"), TEXT),
        ("a.txt", "schöne Grüße".encode("utf-16-le"), TEXT),
        ("a.txt", "schöne Grüße".encode("utf-32"), TEXT),
        ("a.txt", "Die schöne Straße führt über die größte Brücke der Stadt.".encode("latin-1"), TEXT),
        ("words.txt", b"BMX riders and MZ motorbikes, RIFF raff", TEXT),
        ("words.txt", b"MZ is a motorbike", TEXT),
        ("words.txt", b"The ftyp of a file, and what PAR1 is", TEXT),
        ("stray.txt", b"The weir holds.\n" * 100 + b"\x00\nThe mill turns.\n" * 2, TEXT),
        ("stray.md", b"# One stray byte\n" + b"The weir holds.\x00\n" + b"The mill turns.\n" * 5, MARKDOWN),
        ("slides", zipped({"[Content_Types].xml": "x", "ppt/presentation.xml": "x"}), PPTX),
        ("broken.pptx", b"PK\x03\x04", PPTX),
        ("sums.zip", zipped({"[Content_Types].xml": "x", "xl/workbook.xml": "x"}), XLSX),
        ("sums.ods", zipped({"mimetype": ODS, "content.xml": "x"}), ODS),
        ("sums.xls", compound("Workbook"), XLS),
        ("sums.xls", compound("Root Entry", "Workbook", "WordDocument"), XLS),
        ("locked.xlsx", compound("EncryptedPackage"), XLSX),
        ("book", zipped({"mimetype": EPUB, "a.xhtml": "x"}), EPUB),
        ("things.zip", zipped({"xl/a.txt": "a folder of that name"}), ZIP),
        ("broken.zip", b"PK\x03\x04 and so on", ZIP),
        ("letter.txt", b"{\\rtf1 text}", RTF),
        ("picture", b"\x89PNG\r\n\x1a\n", PNG),
        ("mail.eml", b"Subject: a\n\nb", EML),
        ("mail", b"Received: from a\r\n by b\r\nFrom: c\r\n\r\nd", EML),
        ("mail.eml", b"From a@b Mon May  6 07:08:09 2024\nSubject: a\n\nb", MAILBOX),
        ("mails", b"From - Mon May  6 07:08:09 2024\nX-Status: 0\nFrom: c\n\nd", MAILBOX),
        ("notes.txt", b"From here, at 12:30, it is a mile.\nnote: no mail", TEXT),
        ("notes.txt", b"From: the mill\nTo: the weir\n\nno mail", TEXT),
        ("mill.py", b"def mill(): ...", "text/x-python"),
        ("Makefile", b"all:\n\tmake", "text/x-makefile"),
        ("run", b"#!/usr/bin/env -S python3 -u\nprint()", "text/x-python"),
        ("run", b"#!/bin/sh\necho", "text/x-shellscript"),
        ("page.xml", b'<?xml version="1.0"?><html xmlns="x"><p>a', HTML),
        ("page.html", b'<?xml version="1.0"?><!-- long --><page><p>a', HTML),
        ("news", b'\n<?xml version="1.0"?><rss><channel/></rss>', XML),
        ("mill.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', XML),
        ("notes.xml", b"no markup at all", TEXT),
        ("notes.txt", b"\xef\xbb\xbfcaf\xe9, of two encodings", TEXT),
    ],
)
def test_the_content_decides_and_the_name_only_hints_among_texts(
    tmp_path: Path, filename: str, content: bytes, expected: str
) -> None:
    assert sniffed(tmp_path, filename, content) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(40), "a program"),
        (b"MZ\x90\x00\x03\x00", "a program"),
        (b"GIF89a" + bytes(20), "a GIF image"),
        (b"ID3\x04\x00\x00" + bytes(20), "a sound file"),
        (zipped({"META-INF/MANIFEST.MF": "x", "A.class": "y"}), "a packed program"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}), "OpenDocument"),
        (compound("WordDocument"), "before 2007"),
        (compound("Root Entry", "WordDocument", "Workbook"), "a Word document in the format before 2007"),
        (compound("Root Entry", "PowerPoint Document"), "a presentation in the format before 2007"),
        (compound("Root Entry", "__nameid_version1.0", "__properties_version1.0"), "a message of Outlook"),
        (compound("Root Entry", "something"), "no type that can be read"),
        (zipped({"Index/Document.iwa": "x", "preview.jpg": "y"}), "a Pages, Numbers or Keynote file"),
        (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(40), "a OneNote notebook"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), "a HEIC picture"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(20), "a sound or video file"),
        (b"notes.txt".ljust(257, b"\0") + b"ustar\x0000", "a TAR archive"),
        (bytes(range(256)) * 4, "no type that can be read"),
        (b"\xa7\r\n\x00\x01\x00\x01\x00" + b"much text within a program\n" * 900, "no type that can be read"),
        (b"name\x00value\x00and so on\x00" * 40, "no type that can be read"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_says_what_can(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(UnsupportedType, match=r"send|save it as") as refusal:
        sniffed(tmp_path, "thing.bin", content)

    assert words in refusal.value.detail
    assert str(tmp_path) not in refusal.value.detail


@given(
    prefix=st.sampled_from(
        [
            b"",
            b"%PDF-",
            b"{\\rtf",
            b"From: a\nReceived: ",
            b"#!/",
            b"PK\x03\x04",
            b"PK\x05\x06",
            OLE,
            b"{",
            b"<html",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
        ]
    ),
    rest=st.binary(max_size=600),
    filename=st.sampled_from(["a", "a.docx", "a.json", "a.md", "", ".", "a.b.CSV", "ü\ud800.txt", "a.eml", "a.py"]),
)
def test_any_bytes_under_any_name_are_a_known_type_or_refused(
    tmp_path_factory: pytest.TempPathFactory, prefix: bytes, rest: bytes, filename: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        found = sniffed(folder, filename, prefix + rest)
    except UnsupportedType:
        return

    assert found in FORMATS
