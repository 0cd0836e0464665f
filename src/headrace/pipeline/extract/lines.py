"""JSON lines: one record a line, read as a stream; a broken line is left out and said."""

from collections.abc import Iterator
from typing import BinaryIO

import orjson

from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.extract.tree import broken_json, lines_of
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

MAX_WARNINGS = 20


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """Raises DocumentError `corrupt` only where no line at all can be read."""
    warnings: list[str] = []
    return Parsed(outline=Outline(), parts=grouped(read_records(file, warnings)), warnings=warnings)


def read_records(file: BinaryIO, warnings: list[str]) -> Iterator[tuple[str, float]]:
    """One record for each line that parses."""
    size, has_record, first_broken = size_of(file), False, 0
    for number, line in enumerate(open_text(file), 1):
        if not line.strip():
            continue
        try:
            record = "\n".join(lines_of(orjson.loads(line)))
        except orjson.JSONDecodeError:
            first_broken = first_broken or number
            if len(warnings) < MAX_WARNINGS:
                warnings.append(f"line {number} is no JSON and was left out")
            continue
        has_record = True
        yield record, min(1.0, file.tell() / size)
    if first_broken and not has_record:
        raise broken_json(first_broken)
