"""The type of a document by its content. The name is believed only where the content leaves it open."""

import zipfile
from pathlib import Path
from typing import BinaryIO

import orjson

from headrace.model.errors import UnsupportedType
from headrace.pipeline.extract.archive import OLE_MARK
from headrace.pipeline.extract.encoding import BLOCK_BYTES, decodes, guessed, marked, unmarked_wide

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"

READABLE = "send a PDF, DOCX, HTML, Markdown, text, CSV or JSON file"
HINTS = {
    **dict.fromkeys((".md", ".markdown", ".mdown"), MARKDOWN),
    **dict.fromkeys((".csv", ".tsv"), CSV),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    **dict.fromkeys((".jsonl", ".ndjson"), JSON_LINES),
    ".json": JSON,
}
FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a bitmap image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"RIFF": "a sound, image or video file",
    b"ID3": "a sound file",
    b"OggS": "a sound or video file",
    b"fLaC": "a sound file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\xca\xfe\xba\xbe": "a program",
    b"\xcf\xfa\xed\xfe": "a program",
    b"\x00asm": "a program",
    b"\x1f\x8b": "a compressed archive",
    b"BZh": "a compressed archive",
    b"\xfd7zXZ": "a compressed archive",
    b"\x28\xb5\x2f\xfd": "a compressed archive",
    b"7z\xbc\xaf": "a compressed archive",
    b"Rar!": "a compressed archive",
    b"SQLite format 3": "a database",
    b"{\\rtf": "a rich text (RTF) file",
    b"%!PS": "a PostScript file",
}
# Two letters also begin words: these marks count only where the rest is no text.
SHORT_MARKS = (b"BM", b"MZ", b"ID3", b"RIFF", b"GIF8", b"BZh", b"OggS", b"Rar!")
OFFICE = {"ppt/": "a PowerPoint presentation", "xl/": "an Excel workbook", "META-INF/": "a packed document or program"}
CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b") | {127})
MAX_CONTROL_SHARE = 0.01
MAX_PARSED_BYTES = 1_000_000
ENTRY_NAME = "EncryptedPackage".encode("utf-16-le")


def sniff(path: Path, filename: str) -> str:
    """The MIME type of the file at `path`, which came under the name `filename`.

    A damaged PDF or DOCX keeps its type, so that its parser can say what is wrong. An empty file is text. Raises
    UnsupportedType for content that no extractor reads.
    """
    hint = Path(filename).suffix.lower()
    with path.open("rb") as file:
        prefix = file.read(BLOCK_BYTES)
        if b"%PDF-" in prefix[:1024]:
            return PDF
        if prefix.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return archive_type(file, hint)
        if prefix.startswith(OLE_MARK):
            return compound_type(file, prefix)
        refuse_foreign(prefix)
        if not is_text(prefix):
            raise UnsupportedType(f"the content is of no type that can be read; {READABLE}")
        return text_type(file, prefix, hint)


def archive_type(file: BinaryIO, hint: str) -> str:
    """What a zip file holds, by its members' names; nothing is unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        names = ["word/"] if hint == ".docx" else []
    if any(name.startswith("word/") for name in names):
        return DOCX
    kind = next(
        (kind for folder, kind in OFFICE.items() if any(name.startswith(folder) for name in names)), "an archive"
    )
    raise UnsupportedType(f"the content is {kind}, which cannot be read; {READABLE}")


def compound_type(file: BinaryIO, header: bytes) -> str:
    """An encrypted Word document, or one of the formats before 2007. Source: MS-CFB 2.2, the directory's sector."""
    sector_bytes = 1 << min(16, int.from_bytes(header[30:32], "little"))
    first_sector = int.from_bytes(header[48:52], "little")
    file.seek((first_sector + 1) * sector_bytes)
    if ENTRY_NAME in file.read(4096):
        return DOCX
    raise UnsupportedType(
        "the content is an Office file in the format before 2007; save it as DOCX or PDF and send that"
    )


def refuse_foreign(prefix: bytes) -> None:
    """Name what is known not to be a document."""
    for mark, kind in FOREIGN.items():
        if prefix.startswith(mark) and not (mark in SHORT_MARKS and is_text(prefix)):
            raise UnsupportedType(f"the content is {kind}, which cannot be read; {READABLE}")


def is_text(prefix: bytes) -> bool:
    """Whether the bytes are text in any encoding, judged by the beginning of the file."""
    encoding = marked(prefix) or unmarked_wide(prefix)
    if encoding:
        return decodes(prefix, encoding)
    if b"\x00" in prefix or len(prefix.translate(None, CONTROLS)) < len(prefix) * (1 - MAX_CONTROL_SHARE):
        return False
    return decodes(prefix, "utf-8") or guessed(prefix[:4096]) is not None


def text_type(file: BinaryIO, prefix: bytes, hint: str) -> str:
    """Which kind of text: by its first characters where they are telling, else by the name."""
    encoding = marked(prefix) or unmarked_wide(prefix) or "utf-8"
    beginning = prefix[:1024].decode(encoding, "ignore").lstrip().lower()
    if beginning.startswith(("<!doctype html", "<html")):
        return HTML
    named = HINTS.get(hint, TEXT)
    if named in {JSON, JSON_LINES}:
        return named if beginning.startswith(("{", "[", '"')) else TEXT
    if not hint and beginning.startswith(("{", "[")):
        return JSON if is_json(file) else TEXT
    return named


def is_json(file: BinaryIO) -> bool:
    """Whether the whole file, if it is small, is one JSON value."""
    file.seek(0)
    data = file.read(MAX_PARSED_BYTES + 1)
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return len(data) <= MAX_PARSED_BYTES
