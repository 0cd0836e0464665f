"""Short UTF-8 texts, decoded in the calling process: no parser sees them, so there is nothing to cage."""

import os
from collections.abc import Iterator

from headrace.pipeline.extract.parts import Parsed, Part, read_sections
from headrace.pipeline.sandbox import wire
from headrace.pipeline.source import MB, Limits, Outline, Source

MAX_BYTES = MB
BYTE_ORDER_MARK = "\ufeff"


def local_messages(source: Source, first_section: int, limits: Limits) -> Iterator[wire.Message] | None:
    """The messages that a child would send; None where the document is not such a text."""
    if source.content_type != "text/plain" or source.size > MAX_BYTES:
        return None
    try:
        text = read(source).decode()
    except UnicodeDecodeError:
        return None
    return messages(text.removeprefix(BYTE_ORDER_MARK), first_section, limits)


def read(source: Source) -> bytes:
    """The document's bytes."""
    with source.path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), source.size, source.offset)


def messages(text: str, first_section: int, limits: Limits) -> Iterator[wire.Message]:
    """Outline, passages, end, as on the wire."""
    yield Outline()
    parsed = Parsed(outline=Outline(), parts=iter([Part(text=text, fraction=1.0)]))
    for index, (section, fraction) in enumerate(read_sections(parsed, limits)):
        if index >= first_section:
            yield wire.Passage(section=section, fraction=fraction)
    yield wire.Finished()
