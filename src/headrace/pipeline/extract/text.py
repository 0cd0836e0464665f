"""Plain text in any encoding: read as a stream, cut where a paragraph ends."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import MAX_SECTION_CHARACTERS, Parsed, Part, cutting_point
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole text is the file's own: offsets count its characters, without the byte order mark."""
    size = size_of(file)
    return Parsed(outline=Outline(), parts=read_parts(open_text(file), file, size))


def read_parts(text: io.TextIOWrapper, file: BinaryIO, size: int) -> Iterator[Part]:
    """Contiguous parts, none longer than a section may be, so that memory stays flat."""
    pending = ""
    while block := text.read(MAX_SECTION_CHARACTERS):
        pending += block
        while len(pending) > MAX_SECTION_CHARACTERS:
            end = cutting_point(pending, MAX_SECTION_CHARACTERS)
            yield Part(text=pending[:end], fraction=min(1.0, file.tell() / size), gap=0)
            pending = pending[end:]
    yield Part(text=pending, fraction=1.0, gap=0)
