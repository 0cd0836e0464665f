"""Books (EPUB): the chapters in reading order, each read as the web page that it is."""

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO
from urllib.parse import unquote

from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from headrace.pipeline.extract.archive import check_archive, damaged, locked
from headrace.pipeline.extract.html import UNREAD, links_of, parsed_xhtml, read_parts
from headrace.pipeline.extract.instants import dated, instant_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

NAME = "book"
CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
FIELDS = {
    "creator": "author",
    "publisher": "publisher",
    "subject": "keywords",
    "description": "subject",
}


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One chapter is in memory at a time."""
    check_archive(file, limits, NAME)
    archive = zipfile.ZipFile(file)
    try:
        package_path = package_of(archive)
        package = parsed_xml(archive.read(package_path))
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise damaged(NAME) from error
    chapters = list(dict.fromkeys(chapters_of(package, posixpath.dirname(package_path))))
    if not chapters:
        raise damaged(NAME)
    if locked_members(archive) & set(chapters):
        raise locked(NAME)
    warnings: list[str] = []
    links: list[str] = []
    parts = read_chapters(archive, chapters, warnings, links)
    return Parsed(outline=outline_of(package), parts=parts, warnings=warnings, links=links)


def parsed_xml(data: bytes) -> Any:
    """The root; entities are not expanded, and nothing is fetched."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(data, parser)
    if root is None:
        raise ValueError("no XML at all")
    return root


def named(root: Any, name: str) -> Iterator[Any]:
    """Elements by their local name, whatever the namespace."""
    return (node for node in root.iter(f"{{*}}{name}"))


def package_of(archive: zipfile.ZipFile) -> str:
    """Where the book describes itself. Raises KeyError where nothing says so."""
    for node in named(parsed_xml(archive.read(CONTAINER)), "rootfile"):
        if path := node.get("full-path"):
            return str(path)
    raise KeyError(CONTAINER)


def chapters_of(package: Any, folder: str) -> Iterator[str]:
    """The members that hold the chapters, in reading order."""
    places = {node.get("id"): node.get("href") for node in named(package, "item")}
    for node in named(package, "itemref"):
        if href := places.get(node.get("idref")):
            yield posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def locked_members(archive: zipfile.ZipFile) -> set[str]:
    """What only its buyer's reader can open; fonts that are merely obscured are among them, and do no harm."""
    try:
        root = parsed_xml(archive.read(ENCRYPTION))
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile, ValueError):
        return set()
    return {unquote(node.get("URI") or "") for node in named(root, "CipherReference")}


def outline_of(package: Any) -> Outline:
    """The book's title, and who wrote and published it and when."""
    metadata: dict[str, str] = {}
    for field, name in FIELDS.items():
        if texts := texts_of(package, field):
            metadata[name] = ", ".join(texts)
    dates = filter(None, map(instant_of, texts_of(package, "date")))
    title = next(iter(texts_of(package, "title")), None)
    return Outline(title=title, metadata=dated(metadata | {"created_at": next(dates, "")}))


def texts_of(package: Any, field: str) -> list[str]:
    """What elements of that name say; a description may be a page of its own, written as text."""
    said = ("".join(node.itertext()) for node in named(package, field))
    plain = (LexborHTMLParser(text).text(separator=" ") if "<" in text else text for text in said)
    return [text for each in plain if (text := " ".join(each.split()))]


def read_chapters(
    archive: zipfile.ZipFile, chapters: list[str], warnings: list[str], links: list[str]
) -> Iterator[Part]:
    """Each chapter, cut at its headings; one that is not there, or damaged, is left out, and said."""
    for number, chapter in enumerate(chapters, 1):
        try:
            tree = parsed_xhtml(archive.read(chapter).decode("utf-8", "replace"))
        except (KeyError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
            warnings.append(f"chapter {number} is missing or damaged and was left out")
            continue
        links.extend(links_of(tree))
        tree.strip_tags([*UNREAD, "head"])
        for part in read_parts(tree):
            yield replace(part, fraction=number / len(chapters))
