"""PDF by pdfium: one part per page, in the order in which the page draws its text."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import BinaryIO

import pypdfium2
from pypdfium2.raw import FORMTYPE_XFA_FULL, FPDF_ERR_PASSWORD

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.accents import composed
from headrace.pipeline.extract.annotations import written_on
from headrace.pipeline.extract.archive import damaged, locked
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.extract.scan import drawn, is_scan
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline, Picture

# It tells operators how to install another build of pdfium where a form is also written down as XFA.
logging.getLogger("pypdfium2").setLevel(logging.ERROR)
NAME = "PDF"
END_MARK = b"%%EOF"
DAMAGED = "is damaged and was left out"
SHELL = "the PDF is a form whose content only programs by Adobe show; open it there, print it as PDF and send that"
# What programs that print into a PDF put before a document's name, or in place of a title.
MADE_UP = re.compile(r"^(?:Microsoft (?:Office )?(?:Word|Excel|PowerPoint) - |untitled(?: document)?$)", re.IGNORECASE)
TAIL_BYTES = 65_536
# Where a word is divided at the end of a line, pdfium writes one of these.
HYPHENS = re.compile("[\ufffe\x02](?:\r?\n)?")
FIELDS = {"Author": "author", "Subject": "subject", "Keywords": "keywords", "Creator": "creator"}
INSTANTS = {"CreationDate": "created_at", "ModDate": "modified_at"}
# ISO 32000-1, 7.9.4: D:YYYYMMDDHHmmSSOHH'mm', all but the year optional.
INSTANT = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?)?")


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """Pages are loaded one by one, so that memory depends on the largest."""
    check_end(file)
    document = open_document(file)
    document.init_forms()
    count = len(document)
    if count > limits.max_pages:
        detail = f"the PDF has {count} pages and the limit is {limits.max_pages}; split it into smaller files"
        raise DocumentError("too_large", detail)
    fields = document.get_metadata_dict(skip_empty=True)
    outline = Outline(page_count=count, title=title_of(fields), metadata=metadata_of(fields))
    parsed = Parsed(outline=outline, parts=iter(()))
    if document.get_formtype() == FORMTYPE_XFA_FULL:
        parsed.warnings.append(SHELL)
    return replace(parsed, parts=read_parts(document, count, limits, parsed))


def check_end(file: BinaryIO) -> None:
    """Refuse a file without its end: pdfium would rebuild what it can, and pages would be missing without a word."""
    size = size_of(file)
    file.seek(max(0, size - TAIL_BYTES))
    if END_MARK not in file.read(TAIL_BYTES):
        raise damaged(NAME)
    file.seek(0)


def open_document(file: BinaryIO) -> pypdfium2.PdfDocument:
    """Raises DocumentError `encrypted` or `corrupt`."""
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        raise (locked(NAME) if error.err_code == FPDF_ERR_PASSWORD else damaged(NAME)) from error


def read_parts(document: pypdfium2.PdfDocument, count: int, limits: Limits, parsed: Parsed) -> Iterator[Part]:
    """Pages from 1. A page that cannot be read is empty, and said; one that is a picture can be drawn."""
    for index in range(count):
        try:
            text, picture = read_page(document, index, limits)
        except pypdfium2.PdfiumError:
            parsed.failed_pages[index + 1] = DAMAGED
            parsed.warnings.append(f"page {index + 1} {DAMAGED}")
            text, picture = "", None
        yield Part(text=text, fraction=(index + 1) / count, page=index + 1, picture=picture)


def read_page(document: pypdfium2.PdfDocument, index: int, limits: Limits) -> tuple[str, Callable[[], Picture] | None]:
    """The text within the page's box with what was written onto it, and how to draw it if it is a picture."""
    page = document[index]
    content = page.get_textpage()
    text = composed(content, HYPHENS.sub("", content.get_text_bounded()).replace("\r\n", "\n"))
    picture = None
    if is_scan(page, content, text):
        picture = partial(drawn, document, index, limits, without_text=bool(text.strip()))
    whole = "\n".join(filter(None, [text, *written_on(page, text)]))
    content.close()
    page.close()
    return whole, picture


def title_of(fields: dict[str, str]) -> str | None:
    """The title that someone gave it, or the name of the file that was printed."""
    return MADE_UP.sub("", fields.get("Title", "").strip()) or None


def metadata_of(fields: dict[str, str]) -> dict[str, str]:
    """The document's information dictionary in our words."""
    metadata = {name: fields[field] for field, name in FIELDS.items() if field in fields}
    for field, name in INSTANTS.items():
        if instant := parsed_instant(fields.get(field, "")):
            metadata[name] = instant.isoformat()
    return metadata


def parsed_instant(text: str) -> datetime | None:
    """A date of the PDF's own format; without a zone it is taken as UTC."""
    match = INSTANT.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, sign, *shift = match.groups()
    hours, minutes = (int(part or 0) for part in shift)
    zone = timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes)) if sign else UTC
    try:
        whole = (int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
        return datetime(*whole, tzinfo=zone)
    except ValueError:
        return None
