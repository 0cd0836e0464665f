"""What a document is called: as it says itself, else by a first line that reads like a title, else as its file is."""

import re
from pathlib import PurePath

from headrace.pipeline.source import Outline

SAMPLE_CHARACTERS = 2_000
MAX_TITLE_CHARACTERS = 200
HEADING_CHARACTERS, WRAPPED_CHARACTERS = 100, 60
"""A longer line is a sentence; one that goes on in the next, too, from fewer characters on."""
MADE_UP = re.compile(
    r"(?:new |microsoft )?(?:untitled|no title|unknown|title|document|presentation|slide|page|word document|unbenannt"
    r"|sans titre|sin t[ií]tulo|sem t[ií]tulo|senza titolo)(?: document| page| presentation)?[ -]?[0-9]*",
    re.IGNORECASE,
)
"""What programs call a document that nobody named."""
PICTURE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|<(?:img|!--)[^>]*>")
LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
TAG = re.compile(r"</?[A-Za-z][^>]*>")
HEADING = re.compile(r"<h[1-3]\b[^>]*>", re.IGNORECASE)
DIRECTIVE = re.compile(r"\.\. |:[\w-]+:|-{3,}$")


def title_of(sample: str, filename: str, outline: Outline) -> str:
    """At most 200 characters of one line."""
    own = " ".join((outline.title or "").split())
    title = own if is_telling(own) else first_title(sample[:SAMPLE_CHARACTERS])
    return (title or PurePath(filename).stem.replace("_", " ").strip() or filename)[:MAX_TITLE_CHARACTERS]


def is_telling(title: str) -> bool:
    """Whether somebody wrote it."""
    return any(map(str.isalnum, title)) and not MADE_UP.fullmatch(title)


def first_title(sample: str) -> str:
    """The first line that says anything, if it is a heading or reads like one; pictures and badges say nothing."""
    lines = [line.strip() for line in plain(sample).splitlines()]
    place, first = next(((place, line) for place, line in enumerate(lines) if says_something(line)), (0, ""))
    heading = first.strip("#").strip()
    is_wrapped = len(first) > WRAPPED_CHARACTERS and any(map(says_something, lines[place + 1 : place + 2]))
    is_line = len(first) <= HEADING_CHARACTERS and first[-1:].isalnum() and ": " not in first and not is_wrapped
    return heading if is_telling(heading) and (first.startswith("#") or is_line) else ""


def plain(text: str) -> str:
    """The text without pictures and markup; headings of HTML become those of Markdown."""
    bare = TAG.sub("", HEADING.sub("# ", LINK.sub(r"\1", PICTURE.sub("", text))))
    return bare.replace("*", "").replace("`", "")


def says_something(line: str) -> bool:
    """Whether it has letters, and tells them to readers and not to a program."""
    return any(map(str.isalnum, line)) and not DIRECTIVE.match(line)
