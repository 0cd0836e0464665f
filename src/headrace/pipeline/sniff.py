"""The type of a document by its content. The name is believed only where the content leaves it open."""

import re
import zipfile
import zlib
from codecs import BOM_UTF8
from pathlib import Path, PurePath
from typing import BinaryIO

import orjson

from headrace.model.errors import UnsupportedType
from headrace.pipeline.extract.archive import OLE_MARK
from headrace.pipeline.extract.encoding import BLOCK_BYTES, decodes, marked, unmarked_wide
from headrace.pipeline.extract.formats import declared
from headrace.pipeline.extract.languages import language_of
from headrace.pipeline.extract.legacy import likeliest

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
EPUB = "application/epub+zip"
ZIP = "application/zip"
RTF = "application/rtf"
EML = "message/rfc822"
MAILBOX = "application/mbox"
PNG, JPEG, TIFF = "image/png", "image/jpeg", "image/tiff"
PICTURES = frozenset({PNG, JPEG, TIFF})
HTML = "text/html"
XML = "application/xml"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
NOTEBOOK = "application/x-ipynb+json"
UNREADABLE = "application/octet-stream"
"""Of documents that came among others and that no extractor reads: they fail with the reason."""

READABLE = (
    "send a PDF, Word, PowerPoint, Excel, EPUB, RTF, HTML, XML, Markdown, text, source code, CSV, JSON, mail (EML,"
    " mbox) or ZIP file, or a PNG, JPEG or TIFF picture of text"
)
HINTS = {
    **dict.fromkeys((".md", ".markdown", ".mdown"), MARKDOWN),
    **dict.fromkeys((".csv", ".tsv"), CSV),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    **dict.fromkeys((".xml", ".rss", ".atom", ".rdf", ".opml", ".svg", ".dbk", ".docbook", ".tei", ".fb2"), XML),
    **dict.fromkeys((".jsonl", ".ndjson"), JSON_LINES),
    **dict.fromkeys((".json", ".jsonc"), JSON),
    ".ipynb": NOTEBOOK,
    ".eml": EML,
}
ARCHIVES = {
    **dict.fromkeys((".docx", ".docm", ".dotx"), DOCX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".potx"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xltx"), XLSX),
    ".ods": ODS,
    ".epub": EPUB,
}
MARKS = {
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
    b"{\\rtf": RTF,
}
FOREIGN = {
    b"GIF8": "a GIF image",
    b"BM": "a bitmap image",
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
    b"%!PS": "a PostScript file",
    bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"): "a section of a OneNote notebook",
    b"!BDN": "a mailbox of Outlook",
    b"8BPS": "a Photoshop picture",
    b"AT&TFORM": "a DjVu document",
    b"ITSF": "a compiled help file",
    b"\x1aE\xdf\xa3": "a video file",
    b"\x30\x26\xb2\x75": "a sound or video file",
    b"\xff\xfb": "a sound file",
    b"PAR1": "a Parquet table",
}
# Some marks stand further in; what is behind them counts only where the rest is no text, too.
FOREIGN_WITHIN = {
    (4, b"ftyphei"): "a HEIC picture",
    (4, b"ftypmif1"): "a HEIC picture",
    (4, b"ftypavif"): "an AVIF picture",
    (4, b"ftyp"): "a sound or video file",
    (4, b"Standard Jet DB"): "an Access database",
    (4, b"Standard ACE DB"): "an Access database",
    (60, b"BOOKMOBI"): "a Kindle book",
    (257, b"ustar"): "a TAR archive",
}
# Two letters also begin words: these marks count only where the rest is no text.
SHORT_MARKS = (b"BM", b"MZ", b"ID3", b"RIFF", b"GIF8", b"BZh", b"OggS", b"Rar!", b"PAR1", b"ITSF", b"8BPS", b"!BDN")
OFFICE = {"word/": DOCX, "ppt/": PPTX, "xl/": XLSX}
# What else is packed as ZIP, by a member that it has.
FOREIGN_MEMBERS = {
    "META-INF/MANIFEST.MF": "a packed program",
    "classes.dex": "a packed program",
    "Index/Document.iwa": "a Pages, Numbers or Keynote file",
    "FixedDocSeq.fdseq": "an XPS document",
    "FixedDocumentSequence.fdseq": "an XPS document",
    "visio/document.xml": "a Visio drawing",
}
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
MAX_MIMETYPE_BYTES = 200
CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b") | {127})
MAX_CONTROL_SHARE = 0.01
MAX_NUL_SHARE = 0.002
"""Strays in a text, and one in a short one; programs have many more, most of all in their beginning."""
HEAD_BYTES = 1_000
MAX_PARSED_BYTES = 1_000_000
# What an OLE compound file is, by the first of these among its entries; it may hold others within.
COMPOUNDS = {
    "Workbook": XLS,
    "Book": XLS,
    "WordDocument": "a Word document in the format before 2007; save it as DOCX or PDF and send that",
    "PowerPoint Document": "a presentation in the format before 2007; save it as PPTX or PDF and send that",
    "__properties_version1.0": "a message of Outlook; save it as a mail (EML) or PDF and send that",
    "VisioDocument": "a Visio drawing; save it as PDF and send that",
}
ENCRYPTED, ENTRY_BYTES, ENTRY_NAME_BYTES = "EncryptedPackage", 128, 64
# The header of a mail: two of these, and one that says where it came from or went.
MAIL_FIELD = re.compile(
    r"^(from|to|subject|date|message-id|received|return-path|mime-version|delivered-to|reply-to|dkim-signature|cc):",
    re.IGNORECASE | re.MULTILINE,
)
TELLING_FIELDS = {"received", "return-path", "message-id", "mime-version", "delivered-to", "dkim-signature"}
JSON_BEGINS = ("{", "[", '"', "//", "/*")
ENVELOPE = re.compile(r"From \S[^\n]*[0-9]{1,2}:[0-9]{2}[^\n]*\n(?P<mail>.*)", re.DOTALL)
"""What stands before each mail in a mailbox."""
FIELD_NAME = re.compile(r"[!-9;-~]+:")


def sniff(path: Path, filename: str) -> str:
    """The MIME type of the file at `path`, as `sniff_file` tells it."""
    with path.open("rb") as file:
        return sniff_file(file, filename)


def sniff_file(file: BinaryIO, filename: str) -> str:
    """The MIME type of an open file, which came under the name `filename`.

    A damaged PDF or DOCX keeps its type, so that its parser can say what is wrong. An empty file is text. Raises
    UnsupportedType for content that no extractor reads.
    """
    hint = PurePath(filename).suffix.lower()
    prefix = file.read(BLOCK_BYTES)
    if known := type_by_mark(prefix):
        return known
    if prefix.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return archive_type(file, hint)
    if prefix.startswith(OLE_MARK):
        return compound_type(file, prefix, hint)
    if named := next((one for one in declared().values() if hint in one.suffixes), None):
        return named.content_type
    refuse_foreign(prefix)
    if not is_text(prefix):
        raise UnsupportedType(f"the content is of no type that can be read; {READABLE}")
    return text_type(file, prefix, filename)


def type_by_mark(prefix: bytes) -> str | None:
    """The type that a file's first bytes tell; other packages' marks come first."""
    marks = {one.mark: one.content_type for one in declared().values() if one.mark} | MARKS
    if known := next((kind for mark, kind in marks.items() if prefix.startswith(mark)), None):
        return known
    # Something may stand before a PDF; but a mail may have one attached as it is.
    is_pdf = b"%PDF-" in prefix[:1024] and not MAIL_FIELD.match(prefix[:100].decode("latin-1"))
    return PDF if is_pdf else None


def archive_type(file: BinaryIO, hint: str) -> str:
    """What a zip file holds, by its members' names; only a member that names the type is unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            declared = declared_type(archive) if "mimetype" in names else ""
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError, zlib.error, RuntimeError):
        return ARCHIVES.get(hint, ZIP)
    if declared in {EPUB, ODS}:
        return declared
    if declared.startswith(OPEN_DOCUMENT):
        raise UnsupportedType("the content is an OpenDocument file; save it as DOCX, PPTX or PDF and send that")
    if kind := next((kind for name, kind in FOREIGN_MEMBERS.items() if name in names), None):
        raise foreign(kind)
    return packed_type(names, hint)


def packed_type(names: set[str], hint: str) -> str:
    """The Office file or the book that is made of these members, or else a mere archive."""
    if "META-INF/container.xml" in names:
        return EPUB
    if "[Content_Types].xml" not in names and hint not in ARCHIVES:
        return ZIP
    kinds = (kind for folder, kind in OFFICE.items() if any(name.startswith(folder) for name in names))
    return next(kinds, ZIP)


def declared_type(archive: zipfile.ZipFile) -> str:
    """What the archive's first member says, as EPUB and OpenDocument want it."""
    with archive.open("mimetype") as member:
        return member.read(MAX_MIMETYPE_BYTES).decode("ascii", "replace").strip()


def compound_type(file: BinaryIO, header: bytes, hint: str) -> str:
    """An encrypted document, an old workbook, or another format before 2007. Source: MS-CFB 2.2, directory sectors."""
    sector_bytes = 1 << min(16, int.from_bytes(header[30:32], "little"))
    first_sector = int.from_bytes(header[48:52], "little")
    file.seek((first_sector + 1) * sector_bytes)
    names = entry_names(file.read(4096))
    if ENCRYPTED in names:
        return ARCHIVES.get(hint, DOCX)
    kind = next((COMPOUNDS[name] for name in names if name in COMPOUNDS), None)
    if kind == XLS:
        return XLS
    raise UnsupportedType(f"the content is {kind or f'of no type that can be read; {READABLE}'}")


def entry_names(directory: bytes) -> list[str]:
    """The names of a compound file's streams and folders, in the order in which they were made."""
    starts = range(0, len(directory), ENTRY_BYTES)
    names = (directory[start : start + ENTRY_NAME_BYTES].decode("utf-16-le", "replace") for start in starts)
    return [name.partition("\0")[0] for name in names]


def refuse_foreign(prefix: bytes) -> None:
    """Name what is known not to be a document."""
    for mark, kind in FOREIGN.items():
        if prefix.startswith(mark) and not (mark in SHORT_MARKS and is_text(prefix)):
            raise foreign(kind)
    for (offset, mark), kind in FOREIGN_WITHIN.items():
        if prefix.startswith(mark, offset) and not is_text(prefix):
            raise foreign(kind)


def foreign(kind: str) -> UnsupportedType:
    """It is known, and no document that can be read."""
    return UnsupportedType(f"the content is {kind}, which cannot be read; {READABLE}")


def is_text(prefix: bytes) -> bool:
    """Whether the bytes are text in any encoding, judged by the beginning of the file."""
    encoding = marked(prefix) or unmarked_wide(prefix)
    if encoding and not prefix.startswith(BOM_UTF8):  # a few bytes that are wrong leave UTF-8 what it is
        return decodes(prefix, encoding)
    if any(part.count(0) > max(1, len(part) * MAX_NUL_SHARE) for part in (prefix, prefix[:HEAD_BYTES])):
        return False
    if len(prefix.translate(None, CONTROLS)) < len(prefix) * (1 - MAX_CONTROL_SHARE):
        return False
    return encoding is not None or decodes(prefix, "utf-8") or likeliest(prefix[:4096]) is not None


def text_type(file: BinaryIO, prefix: bytes, filename: str) -> str:
    """Which kind of text: by its first characters where they are telling, else by the name."""
    hint = PurePath(filename).suffix.lower()
    encoding = marked(prefix) or unmarked_wide(prefix) or "utf-8"
    beginning = prefix[:4096].decode(encoding, "ignore").lstrip()
    if telling := type_by_beginning(beginning, hint):
        return telling
    named = HINTS.get(hint, TEXT)
    if named == XML:
        return XML if beginning.startswith("<") else TEXT
    if named in {JSON, JSON_LINES, NOTEBOOK}:
        return named if beginning.startswith(JSON_BEGINS) else TEXT
    if not hint and beginning.startswith(("{", "[")):
        return JSON if is_json(file) else TEXT
    if named == EML:  # its headers do not look like it
        return TEXT
    language = language_of(beginning, filename) if named == TEXT else None
    return language.content_type if language else named


def type_by_beginning(beginning: str, hint: str) -> str | None:
    """The kind of text that the first characters tell."""
    if is_page(beginning[:1024].lower()):
        return HTML
    if beginning.startswith("<?xml") and HINTS.get(hint) != HTML:
        return XML
    enveloped = ENVELOPE.match(beginning)
    if enveloped and is_mail(enveloped["mail"], ".eml"):
        return MAILBOX
    return EML if is_mail(beginning, hint) else None


def is_page(beginning: str) -> bool:
    """Whether it is HTML, plain or as XML."""
    is_xml = beginning.startswith("<?xml") and ("<html" in beginning or "<!doctype html" in beginning)
    return is_xml or beginning.startswith(("<!doctype html", "<html"))


def is_mail(beginning: str, hint: str) -> bool:
    """Whether it begins with the header of a mail; a name that says so needs only one field to be believed."""
    first_line, _, _ = beginning.partition("\n")
    if not FIELD_NAME.match(first_line):
        return False
    fields = {match[1].lower() for match in MAIL_FIELD.finditer(re.split(r"\r?\n\r?\n", beginning, maxsplit=1)[0])}
    return bool(fields) if hint == ".eml" else len(fields) > 1 and bool(fields & TELLING_FIELDS)


def is_json(file: BinaryIO) -> bool:
    """Whether the whole file, if it is small, is one JSON value."""
    file.seek(0)
    data = file.read(MAX_PARSED_BYTES + 1)
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return len(data) <= MAX_PARSED_BYTES
