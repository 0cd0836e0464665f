"""Markdown: what stands below a heading is a part; the text stays as it was written."""

import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import BinaryIO

from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.instants import dated
from headrace.pipeline.extract.parts import MAX_LINKS, Parsed, Part
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(?P<title>.*?))?(?:[ \t]+#+)?[ \t]*$")
UNDERLINE = re.compile(r" {0,3}(?:=+|--+)[ \t]*$")
FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})")
FIELD = re.compile(r"(?P<name>[A-Za-z][\w-]*):[ \t]*(?P<value>\S.*)$")
MAX_FRONT_MATTER_LINES = 200
LINK = re.compile(r"\bhttps?://[^\s<>()\[\]\"'`|]{1,500}(?<![.,;:!?*_])")
"""What closes a sentence or emphasis is not of the address before it."""
FRONT_MATTER = {"author": "author", "date": "created_at", "description": "subject", "tags": "keywords"}


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The title is the front matter's; offsets count from the beginning of the file, front matter included."""
    size = size_of(file)
    lines = iter(open_text(file))
    skipped, fields, rest = split_front_matter(lines)
    metadata = dated({FRONT_MATTER[name]: value for name, value in fields.items() if name in FRONT_MATTER})
    links: list[str] = []
    parts = read_parts(noting_links(rest, links), skipped, lambda: min(1.0, file.tell() / size))
    return Parsed(outline=Outline(title=fields.get("title"), metadata=metadata), parts=parts, links=links)


def noting_links(lines: Iterator[str], links: list[str]) -> Iterator[str]:
    """The same lines; the addresses in them are added to `links`."""
    for line in lines:
        if "://" in line and len(links) < MAX_LINKS:
            links.extend(LINK.findall(line))
        yield line


def split_front_matter(lines: Iterator[str]) -> tuple[int, dict[str, str], Iterator[str]]:
    """Its length in characters, its simple "name: value" fields, and the lines after it."""
    head = list(islice(lines, 1))
    if not head or head[0].rstrip() != "---":
        return 0, {}, chain(head, lines)
    for line in islice(lines, MAX_FRONT_MATTER_LINES):
        head.append(line)
        if line.rstrip() in {"---", "..."}:
            found = filter(None, map(FIELD.match, head))
            fields = {match["name"].lower(): match["value"].strip().strip("\"'") for match in found}
            return sum(map(len, head)), fields, lines
    return 0, {}, chain(head, lines)


def read_parts(lines: Iterator[str], skipped: int, fraction: Callable[[], float]) -> Iterator[Part]:
    """Cut before each heading. The parts continue each other; the first stands for the front matter."""
    yield Part(text="", fraction=0.0, gap=skipped)
    pending, heading = list[str](), None
    for line, title in marked_headings(lines):
        if title is not None:
            yield Part(text="".join(pending), fraction=fraction(), heading=heading, gap=0)
            pending, heading = [], title
        pending.append(line)
    yield Part(text="".join(pending), fraction=1.0, heading=heading, gap=0)


def marked_headings(lines: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    """Each line, with the heading that it begins, if it does; lines within a code fence begin none."""
    fence = None
    line = next(lines, None)
    while line is not None:
        following = next(lines, None)
        opened = FENCE.match(line)
        if fence:
            if line.strip().startswith(fence):
                fence = None
            yield line, None
        elif opened:
            fence = opened["mark"]
            yield line, None
        else:
            yield line, heading_of(line, following)
        line = following


def heading_of(line: str, following: str | None) -> str | None:
    """The text of a heading, marked by # or underlined by the line that follows."""
    if match := HEADING.match(line.rstrip("\r\n")):
        return (match["title"] or "").strip()
    is_underlined = following is not None and UNDERLINE.match(following.rstrip("\r\n"))
    has_text = line[:4].strip() and line.lstrip()[0] not in "-=*>|#+"
    return line.strip() if is_underlined and has_text else None
