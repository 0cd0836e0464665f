"""HTML by lexbor: the text as a reader sees it, cut at headings; scripts, styles and navigation are left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from selectolax.lexbor import LexborHTMLParser, LexborNode

from headrace.pipeline.extract.encoding import decodes, encoding_of, marked
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
NAMES = {"author": "author", "description": "subject", "keywords": "keywords", "date": "created_at"}
DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole tree is in memory at once."""
    tree = LexborHTMLParser(decoded(file))
    title = tree.css_first("title")
    outline = Outline(title=" ".join(title.text().split()) or None if title else None, metadata=metadata_of(tree))
    links = list(links_of(tree))
    tree.strip_tags([*UNREAD, "head"])
    return Parsed(outline=outline, parts=read_parts(tree), links=links)


def links_of(tree: LexborHTMLParser) -> Iterator[str]:
    """The addresses that the page leads to."""
    for node in tree.css("a[href]"):
        yield node.attributes.get("href") or ""


def decoded(file: BinaryIO) -> str:
    """The page as text: the byte order mark, then what the page declares if that holds, then a guess."""
    data = file.read()
    declared = DECLARED.search(data[:4096])
    if declared and not marked(data[:4]):
        name = declared[1].decode()
        # Web pages that declare Latin-1 mean its superset, says the WHATWG encoding standard.
        name = "cp1252" if name.lower() in {"iso-8859-1", "latin1", "us-ascii", "ascii"} else name
        if is_codec(name) and decodes(data, name):
            return data.decode(name, "replace")
    file.seek(0)
    return data.decode(encoding_of(file), "replace")


def is_codec(name: str) -> bool:
    """Whether Python knows this text encoding."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True


def metadata_of(tree: LexborHTMLParser) -> dict[str, str]:
    """What the `<meta name=...>` elements and the root's language say."""
    metadata = {}
    for node in tree.css("meta[name][content]"):
        name, content = (node.attributes.get("name") or "").lower(), (node.attributes.get("content") or "").strip()
        if name in NAMES and content:
            metadata[NAMES[name]] = content
    return metadata


@dataclass(slots=True)
class Lines:
    """Collects inline text into lines, white space collapsed as a browser does; paragraphs stand apart."""

    finished: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)

    def break_line(self, *, verbatim: bool = False) -> None:
        """End the line, if there is one."""
        text = "".join(self.inline)
        text = text.strip("\n").rstrip() if verbatim else " ".join(text.split())
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
    for node, is_opening in walk(tree.root):
        if is_opening and node.tag in HEADINGS:
            if text := lines.taken():
                yield Part(text=text, fraction=done / (heading_count + 1), heading=heading, gap=2)
            heading, done = " ".join(node.text().split()) or None, done + 1
        else:
            write(lines, node, is_opening=is_opening)
    yield Part(text=lines.taken(), fraction=1.0, heading=heading, gap=2)


def write(lines: Lines, node: LexborNode, *, is_opening: bool) -> None:
    """What one node adds on the way in or out."""
    tag = node.tag or ""
    if tag == "-text" and is_opening:
        lines.inline.append(node.text(deep=False))
    elif tag in PARAGRAPHS:
        lines.break_paragraph(verbatim=tag == "pre" and not is_opening)
    elif tag in LINES:
        lines.break_line()
    elif tag in CELLS and not is_opening and node.next is not None:
        lines.inline.append(" | ")


def walk(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Each node on the way in (True) and on the way out. No recursion, since depth is the sender's choice."""
    node, is_opening = root, True
    while node is not None and root is not None:
        yield node, is_opening
        if is_opening and node.child is not None:
            node = node.child
        elif is_opening:
            is_opening = False
        elif node.mem_id == root.mem_id:
            return
        elif node.next is not None:
            node, is_opening = node.next, True
        else:
            node = node.parent
