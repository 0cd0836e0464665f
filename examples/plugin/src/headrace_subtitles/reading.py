"""Reads SubRip files: a number, a line with two times, the words, an empty line, and so on."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

CUE = re.compile(r"^(?P<start>\d\d:\d\d:\d\d),\d+ --> .*\n(?P<words>(?:.+\n?)+)", re.MULTILINE)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One part a cue, below the time at which it is said."""
    del limits
    text = file.read().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    count = sum(1 for _ in CUE.finditer(text))
    if not count:
        raise DocumentError("corrupt", "the subtitle file holds no cue; check that the right file was sent")
    return Parsed(outline=Outline(metadata={"cues": str(count)}), parts=cues(text, count))


def cues(text: str, count: int) -> Iterator[Part]:
    """In their order."""
    for number, match in enumerate(CUE.finditer(text), 1):
        yield Part(text=" ".join(match["words"].split()), fraction=number / count, heading=match["start"])
