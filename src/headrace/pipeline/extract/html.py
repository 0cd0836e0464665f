"""HTML by lexbor: the text as a reader sees it, cut at headings; scripts, styles and navigation are left out.

lexbor makes sense of the page; what it then writes down is well-formed, so that the few elements that matter to the
text can be looked for in it. To visit each node from Python takes five times as long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from selectolax.lexbor import LexborHTMLParser

from headrace.pipeline.extract.encoding import encoding_of, held, marked
from headrace.pipeline.extract.instants import dated
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

UNREAD = ["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "nav", "select", "button"]
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
PARAGRAPHS = HEADINGS | {"p", "table", "ul", "ol", "dl", "pre", "blockquote", "section", "article", "figure", "form"}
LINES = PARAGRAPHS | {
    *("div", "li", "tr", "dt", "dd", "br", "hr", "main", "header", "footer", "aside", "address", "caption"),
    *("figcaption", "fieldset", "legend", "details", "summary", "option", "thead", "tbody", "tfoot", "body"),
}
CELLS = frozenset({"td", "th"})
# As lexbor writes: names in lower case, values in double quotes, and none of these within them.
ATTRIBUTES = r"(?:\s(?:[^>\"]|\"[^\"]*\")*+)?"
BLOCK = re.compile(rf"<(/?)({'|'.join(sorted(LINES | CELLS))}){ATTRIBUTES}>")
# What the page has forgotten to close, `<em<p>`, is an element named `em<p`: it is cut at what it has swallowed.
INLINE, COMMENT = re.compile(rf"</?[a-z][^\s>]*(?:{ATTRIBUTES}>|$)"), re.compile(r"<!--.*?-->", re.DOTALL)
NAMES = {"author": "author", "description": "subject", "keywords": "keywords", "date": "created_at"}
# XML closes these at once; to HTML they stay open, and swallow the page.
EMPTY = re.compile(r"<(title|script|style|textarea|iframe|noscript)\b([^<>]*)/>", re.IGNORECASE)
XHTML_NAMESPACE = "http://www.w3.org/1999/xhtml"
DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole tree is in memory at once."""
    page = decoded(file)
    tree = parsed_xhtml(page) if is_xhtml(page) else LexborHTMLParser(page)
    title = tree.css_first("title")
    outline = Outline(title=" ".join(title.text().split()) or None if title else None, metadata=metadata_of(tree))
    links = list(links_of(tree))
    tree.strip_tags([*UNREAD, "head"])
    return Parsed(outline=outline, parts=read_parts(tree), links=links)


def is_xhtml(page: str) -> bool:
    """Whether the page begins as XML does, or says so on its root element."""
    beginning = page[:4096].removeprefix("\ufeff").lstrip()
    return beginning.startswith("<?xml") or XHTML_NAMESPACE in beginning


def parsed_xhtml(page: str) -> LexborHTMLParser:
    """The tree of a page that was written as XML."""
    return LexborHTMLParser(EMPTY.sub(r"<\1\2></\1>", page))


def links_of(tree: LexborHTMLParser) -> Iterator[str]:
    """The addresses that the page leads to."""
    for node in tree.css("a[href]"):
        yield node.attributes.get("href") or ""


def decoded(file: BinaryIO) -> str:
    """The page as text: the byte order mark, then what the page declares if that holds, then a guess."""
    data = file.read()
    declared = DECLARED.search(data[:4096])
    if declared and not marked(data[:4]) and (name := held(declared[1].decode(), data)):
        return data.decode(name, "replace")
    file.seek(0)
    return data.decode(encoding_of(file), "replace")


def metadata_of(tree: LexborHTMLParser) -> dict[str, str]:
    """What the `<meta name=...>` elements and the root's language say."""
    metadata = {}
    for node in tree.css("meta[name][content]"):
        name, content = (node.attributes.get("name") or "").lower(), (node.attributes.get("content") or "").strip()
        if name in NAMES and content:
            metadata[NAMES[name]] = content
    return dated(metadata)


@dataclass(slots=True)
class Lines:
    """Collects inline text into lines, white space collapsed as a browser does; paragraphs stand apart."""

    finished: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)

    def break_line(self, *, verbatim: bool = False) -> None:
        """End the line, if there is one; empty cells at either end of a row say nothing."""
        if not self.inline:
            return
        text = self.inline[0] if len(self.inline) == 1 else "".join(self.inline)
        text = text.strip("\n").rstrip() if verbatim else " ".join(text.split()).strip("| ")
        self.inline.clear()
        if text:
            self.finished.append(text)

    def break_paragraph(self, *, verbatim: bool = False) -> None:
        """End the line and leave one blank."""
        self.break_line(verbatim=verbatim)
        if self.finished and self.finished[-1]:
            self.finished.append("")

    def taken(self) -> str:
        """The text so far; begins anew."""
        self.break_line()
        text = "\n".join(self.finished).rstrip("\n")
        self.finished.clear()
        return text


def read_parts(tree: LexborHTMLParser) -> Iterator[Part]:
    """Cut before each heading; their number says how far one is."""
    lines, heading, done = Lines(), None, 0
    heading_count = len(tree.css(",".join(HEADINGS)))
    for text, mark, tag, is_last in tokens(tree):
        if text:
            lines.inline.append(text)
        if tag in HEADINGS and not mark:
            if before := lines.taken():
                yield Part(text=before, fraction=min(1.0, done / (heading_count + 1)), heading=heading, gap=2)
            heading, done = None, done + 1
        elif tag in HEADINGS:
            lines.break_line()
            heading = " ".join(" ".join(lines.finished).split()) or None
            lines.break_paragraph()
        else:
            write(lines, tag, is_opening=not mark, is_last=is_last)
    yield Part(text=lines.taken(), fraction=1.0, heading=heading, gap=2)


def tokens(tree: LexborHTMLParser) -> Iterator[tuple[str, str, str, bool]]:
    """Text, the element that begins or, with the mark "/", ends behind it, and whether nothing follows that there."""
    page = COMMENT.sub("", (tree.root.html if tree.root is not None else None) or "")
    found = BLOCK.split(page)
    for place in range(0, len(found) - 3, 3):
        text, mark, tag = found[place : place + 3]
        is_last = not found[place + 3] and place + 4 < len(found) and found[place + 4] == "/"
        yield (plain(text) if text else ""), mark, tag, is_last
    yield plain(found[-1]), "/", "body", True


def plain(text: str) -> str:
    """The text without the elements that stand within a line, and with the characters that are written as names."""
    if "<" in text:
        text = INLINE.sub("", text)
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u00a0").replace("&amp;", "&")
    return text


def write(lines: Lines, tag: str, *, is_opening: bool, is_last: bool) -> None:
    """What one element adds on the way in or out."""
    if tag in PARAGRAPHS:
        lines.break_paragraph(verbatim=tag == "pre" and not is_opening)
    elif tag in LINES:
        lines.break_line()
    elif not is_opening and not is_last:
        lines.inline.append(" | ")
