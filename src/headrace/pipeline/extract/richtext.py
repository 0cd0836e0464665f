"""Rich text (RTF) by striprtf: the text without its formatting; pictures and embedded objects are left out."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from striprtf.striprtf import rtf_to_text

from headrace.pipeline.extract.archive import damaged
from headrace.pipeline.extract.parts import MAX_SECTION_CHARACTERS, Parsed, Part, pieces
from headrace.pipeline.source import Limits, Outline

NAME = "rich text"
MARK = "{\\rtf"
CODEPAGE = re.compile(r"\\ansicpg\d{1,5}")
INFO = re.compile(r"\{\\info\b")
FIELD = re.compile(r"\{\\(?P<name>title|author|subject|keywords)\s(?P<value>[^{}]{0,2000})\}")
INSTANT = re.compile(
    r"\{\\(?P<name>creatim|revtim)\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})(?:\\hr(\d{1,2}))?(?:\\min(\d{1,2}))?"
)
INFO_CHARACTERS = 10_000
LINK = re.compile(r"HYPERLINK\s+\"(?P<address>https?://[^\"\\]{1,500})\"")


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole text is in memory at once."""
    source = file.read().decode("cp1252", "replace")
    if not source.startswith(MARK):
        raise damaged(NAME)
    title, metadata = described(source)
    links = [match["address"] for match in LINK.finditer(source)]
    return Parsed(outline=Outline(title=title, metadata=metadata), parts=read_parts(source), links=links)


def described(source: str) -> tuple[str | None, dict[str, str]]:
    """What the document's information group says."""
    begun = INFO.search(source, 0, 200_000)
    if begun is None:
        return None, {}
    info = source[begun.start() : begun.start() + INFO_CHARACTERS]
    codepage = CODEPAGE.search(source, 0, begun.start())
    beginning = MARK + "1" + (codepage[0] if codepage else "")
    fields = {match["name"]: text_of(f"{beginning} {match['value']}}}").strip() for match in FIELD.finditer(info)}
    names = {"creatim": "created_at", "revtim": "modified_at"}
    instants = {names[match[1]]: instant(match.groups()[1:]) for match in INSTANT.finditer(info)}
    title = fields.pop("title", "")
    return title or None, {name: value for name, value in (fields | instants).items() if value}


def text_of(source: str) -> str:
    """The text without its formatting."""
    text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    return text


def instant(numbers: tuple[str | None, ...]) -> str:
    """ISO 8601, without a zone, as the format has none."""
    year, month, day, hour, minute = (int(number or 0) for number in numbers)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00"


def read_parts(source: str) -> Iterator[Part]:
    """Contiguous pieces of the text."""
    text = text_of(source)
    taken = 0
    for piece in pieces(text, MAX_SECTION_CHARACTERS):
        taken += len(piece)
        yield Part(text=piece, fraction=taken / len(text), gap=0)
    yield Part(text="", fraction=1.0, gap=0)
