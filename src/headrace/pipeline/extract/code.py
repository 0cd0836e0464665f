"""Source code: the text as it was written, cut where a definition begins at the margin."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

# Smaller ones stay with their neighbours: a passage of one line says little.
SMALLEST_PART = 400
MARGIN = re.compile(r"[^\s)}\];]")
WORDS = (
    "abstract async class const contract create data def defmodule defp do enum export extension extern final fn fun"
    " func function impl inline interface internal let macro_rules mod module namespace object open operator package"
    " private procedure protected protocol pub public record resource sealed service static struct sub template trait"
    " type typedef union var virtual"
)
DEFINITION = re.compile(
    rf"(?:{'|'.join(WORDS.split())})\b|[\w:<>*&~,\s]+\([^;]*\)\s*(?:\{{|$)|\w[\w-]*\s*:(?!=)", re.IGNORECASE
)
MAX_HEADING = 120
# Generated code has lines that are files of their own.
MAX_JUDGED = 500


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """Offsets count the file's characters, without the byte order mark."""
    return Parsed(outline=Outline(), parts=read_parts(open_text(file), file, size_of(file)))


def read_parts(lines: Iterator[str], file: BinaryIO, size: int) -> Iterator[Part]:
    """Contiguous parts; comments and decorators stay with the definition that they stand above."""
    pending, length, heading, is_after_blank = list[str](), 0, None, True
    for line in lines:
        begins = is_after_blank and MARGIN.match(line)
        if begins and length >= SMALLEST_PART:
            yield Part(text="".join(pending), fraction=min(1.0, file.tell() / size), heading=heading, gap=0)
            pending, length, heading = [], 0, None
        if heading is None and MARGIN.match(line) and DEFINITION.match(line[:MAX_JUDGED]):
            heading = line.strip().rstrip("{").rstrip()[:MAX_HEADING] or None
        pending.append(line)
        length += len(line)
        is_after_blank = not line.strip()
    yield Part(text="".join(pending), fraction=1.0, heading=heading, gap=0)
