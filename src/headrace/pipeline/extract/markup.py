"""XML of any kind: feeds, DocBook, JATS, TEI and SVG as their readers see them, records as lines of "name: value".

What is not well-formed, holds no text that a reader would see, or is larger than a tree may be, is read as it stands.
"""

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from headrace.pipeline.extract import text as plain_text
from headrace.pipeline.extract.html import UNREAD, XHTML_NAMESPACE, Lines, links_of, read_parts
from headrace.pipeline.extract.instants import instant_of
from headrace.pipeline.extract.parts import GROUP_CHARACTERS, Parsed, Part
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

MAX_TREE_BYTES = 16_000_000
"""A tree takes some ten times its text."""
MOST_AUTHORS = 20
# What is written for people to read begins with one of these, and has paragraphs; everything else holds records.
WRITINGS = frozenset(
    {
        *("article", "book", "chapter", "part", "section", "sect1", "appendix", "preface", "refentry"),
        *("reference", "set", "glossary", "topic", "concept", "task", "map", "TEI", "TEI.2", "teiCorpus"),
        *("html", "FictionBook"),
    }
)
PARAGRAPHS = ("{*}p", "{*}para", "{*}simpara", "{*}l")
DRAWING = "svg"
FEEDS = frozenset({"rss", "feed"})
ENTRIES = frozenset({"item", "entry"})
HEADINGS = frozenset({"title", "head", "article-title"})
# What stands in for the document itself: its title, author and date are the document's.
FRONTS = frozenset(
    {
        *("channel", "info", "bookinfo", "articleinfo", "sectioninfo", "title-group", "article-meta"),
        *("contrib-group", "pub-date", "titleStmt", "publicationStmt", "title-info", "prolog", "metadata"),
        "front",
    }
)
AUTHORS = frozenset({"author", "creator", "contrib", "managingEditor"})
DATES = frozenset({"date", "pubDate", "pubdate", "published", "updated", "lastBuildDate", "pub-date"})
LINKED = frozenset({"href", "{http://www.w3.org/1999/xlink}href", "url", "target"})
# In a feed, these hold pages; and what people read needs no name before it.
PAGES = frozenset({"description", "encoded", "summary", "content", "subtitle", "tagline", "info"})
READ = HEADINGS | PAGES
ROWS = frozenset({"row", "tr"})
VERBATIM = frozenset({"programlisting", "screen", "literallayout", "synopsis", "pre", "code", "codeblock", "eg"})
APART = frozenset(
    {"p", "para", "simpara", "title", "li", "listitem", "item", "div", "td", "entry", "br", "lb", "tspan"}
)
XHTML = f"{{{XHTML_NAMESPACE}}}"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
HTML_TAG = re.compile(
    r"</?(?:p|br|a|div|span|b|i|em|strong|ul|ol|li|img|h[1-6]|table|pre|code|blockquote)\b[^<>]*>", re.I
)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole tree is in memory at once."""
    root = None if size_of(file) > MAX_TREE_BYTES else parsed(file.read())
    if root is None:
        return as_text(file, limits)
    links = [value for node in root.iter(etree.Element) for name, value in node.items() if name in LINKED]
    if is_feed(root):
        links += [said for node in root.iter("{*}link") if (said := words(node).strip())]
    parts = Reader(root, links).parts()
    first = next(parts, None)
    if first is None and name_of(root) != DRAWING:
        return as_text(file, limits)
    return Parsed(outline=outline_of(root), parts=chain([first] if first else [], parts), links=links)


def as_text(file: BinaryIO, limits: Limits) -> Parsed:
    """The file as it is written."""
    file.seek(0)
    return plain_text.extract(file, limits)


def parsed(data: bytes) -> Any:
    """The root, or None where this is no XML. Nothing is fetched.

    What the file itself declares is put in its place, unless that is too much, or something is declared elsewhere.
    """
    for resolve in ("internal", False):
        parser = etree.XMLParser(
            resolve_entities=resolve, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
        )
        with suppress(etree.XMLSyntaxError, ValueError, LookupError):
            return etree.fromstring(data, parser)
    return None


def name_of(node: Any) -> str:
    """Without the namespace."""
    return str(node.tag).rpartition("}")[2]


def is_feed(root: Any) -> bool:
    """RSS 1.0 is RDF, which may be anything else, too."""
    return name_of(root) in FEEDS or (name_of(root) == "RDF" and root.find("{*}item") is not None)


def is_writing(root: Any) -> bool:
    """Whether it is meant to be read, so that the names and attributes of its elements say nothing to anybody."""
    name = name_of(root)
    return name == DRAWING or (name in WRITINGS and next(root.iter(*PARAGRAPHS), None) is not None)


def words(node: Any, *, apart: bool = False) -> str:
    """All text within, as it is written; with `apart`, each element within begins behind a space."""
    found = [node.text or ""]
    for child in node:
        if child.tag is etree.Entity:
            found.append(html.unescape(child.text))
        elif isinstance(child.tag, str):
            found.append(" " if apart or name_of(child) in APART else "")
            found.append(words(child, apart=apart))
        found.append(child.tail or "")
    return "".join(found)


def elements_of(node: Any) -> list[Any]:
    """The elements right below, without the entities among them."""
    return [child for child in node if isinstance(child.tag, str)]


def is_line(node: Any) -> bool:
    """Whether text stands in it, or nothing: what is within belongs to that line."""
    return not (children := elements_of(node)) or any(
        said.strip() for said in (node.text or "", *(child.tail or "" for child in children))
    )


def heading_of(node: Any) -> str | None:
    """What the title right below says."""
    titles = (child for child in elements_of(node) if name_of(child) in HEADINGS and is_line(child))
    return next((said for title in titles if (said := " ".join(words(title).split()))), None)


def outline_of(root: Any) -> Outline:
    """What the document says of itself, at its root or in what stands in for it."""
    title: str | None = None
    created_at: str | None = None
    authors: dict[str, None] = {}
    for node in root.iter(etree.Element):
        parent = node.getparent()
        if parent is not None and parent is not root and name_of(parent) not in FRONTS:
            continue
        name = name_of(node)
        if name in HEADINGS and node is not root and is_line(node):
            title = title or " ".join(words(node).split()) or None
        elif name in AUTHORS and len(authors) < MOST_AUTHORS:
            authors[" ".join(words(node, apart=True).split())] = None
        elif name in DATES:
            created_at = created_at or instant_of(" ".join(words(node).split()))
    metadata = {"author": ", ".join(filter(None, authors)), "created_at": created_at}
    return Outline(title=title, metadata={name: said for name, said in metadata.items() if said})


def labelled(node: Any, said: str) -> str:
    """A record's line: its name, its attributes, its text."""
    names = ((name.rpartition("}")[2], value.strip()) for name, value in node.items() if XSI not in name)
    told = ", ".join(f"{name}: {value}" for name, value in names if value)
    label = f"{name_of(node)} ({told})" if told else name_of(node)
    return f"{label}: {said}" if said.strip() else label if told else ""


@dataclass(slots=True)
class Reader:
    """Walks through the tree, which is never deeper than its parser allows, and cuts before each heading and entry."""

    root: Any
    links: list[str]
    lines: Lines = field(default_factory=Lines)
    heading: str | None = None
    size: int = 0
    done: int = 0
    count: int = field(init=False)
    is_feed: bool = field(init=False)
    is_writing: bool = field(init=False)

    def __post_init__(self) -> None:
        self.count = sum(1 for _ in self.root.iter(etree.Element))
        self.is_feed, self.is_writing = is_feed(self.root), is_writing(self.root)

    def parts(self) -> Iterator[Part]:
        """All of them."""
        yield from self._read(self.root)
        yield from self._cut()

    def _read(self, node: Any) -> Iterator[Part]:
        self.done += 1
        before, heading = self.heading, heading_of(node) if node is not self.root else None
        begins_anew = heading is not None or (self.is_feed and name_of(node) in ENTRIES)
        if begins_anew:
            yield from self._cut()
            self.heading = heading
        if is_line(node):
            self._write(node)
        elif name_of(node) in ROWS and self._is_read(node):
            self._add(" | ".join(" ".join(words(cell).split()) for cell in elements_of(node)))
        else:
            if not self._is_read(node):
                self._add(labelled(node, ""))
            self.lines.break_paragraph()
            for child in elements_of(node):
                yield from self._read(child)
            self.lines.break_paragraph()
        if begins_anew or self.size >= GROUP_CHARACTERS:
            yield from self._cut()
        self.heading = before

    def _is_read(self, node: Any) -> bool:
        """Whether people read it without the name and the attributes of the element."""
        is_page = self.is_feed and (node is self.root or name_of(node) in READ)
        return self.is_writing or is_page or node.tag.startswith(XHTML)

    def _write(self, node: Any) -> None:
        name, said = name_of(node), words(node)
        if self.is_feed and name in PAGES and HTML_TAG.search(said):
            self._write_page(said)
        elif not self._is_read(node):
            self._add(labelled(node, said))
        else:
            self.lines.break_paragraph()
            self._add(said, verbatim=name in VERBATIM)
            self.lines.break_paragraph()

    def _write_page(self, page: str) -> None:
        tree = LexborHTMLParser(page)
        self.links.extend(links_of(tree))
        tree.strip_tags([*UNREAD, "head"])
        self.lines.break_paragraph()
        for part in read_parts(tree):
            self._add(part.text, verbatim=True)
            self.lines.break_paragraph()

    def _add(self, said: str, *, verbatim: bool = False) -> None:
        self.lines.inline.append(said)
        self.lines.break_line(verbatim=verbatim)
        self.size += len(said) + 2

    def _cut(self) -> Iterator[Part]:
        if text := self.lines.taken():
            yield Part(text=text, fraction=self.done / self.count, heading=self.heading, gap=2)
        self.size = 0
