"""Word documents by python-docx: text in reading order, cut at headings, tables a row a line.

Notes and comments follow what they are about; headers and footers come last, each once.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from docx.document import Document
from docx.opc.part import PartFactory
from docx.opc.pkgreader import PackageReader
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart

from headrace.pipeline.extract.archive import check_archive
from headrace.pipeline.extract.asides import Asides, margins
from headrace.pipeline.extract.dialect import transitional
from headrace.pipeline.extract.office import drop_second_writings, link_targets, metadata_of, opened, title_of
from headrace.pipeline.extract.paragraphs import PARAGRAPH, blocks, text_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

NAME = "Word document"
LEVEL, BASE, BODY_LEVEL = f"{qn('w:pPr')}/{qn('w:outlineLvl')}", qn("w:basedOn"), "9"
STYLE, VALUE = f"{qn('w:pPr')}/{qn('w:pStyle')}", qn("w:val")
# python-docx knows documents without macros only; those with them, and templates, hold the same.
for kind in ("ms-word.document.macroEnabled", "ms-word.template.macroEnabledTemplate"):
    PartFactory.part_type_for[f"application/vnd.{kind}.main+xml"] = DocumentPart
PartFactory.part_type_for["application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"] = (
    DocumentPart
)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole tree is in memory at once, at 20 times its packed size and more: the memory limit is what bounds it."""
    check_archive(file, limits, NAME)
    document = opened(open_document, transitional(file, NAME), NAME)
    drop_second_writings(document.element.body)
    properties = document.core_properties
    outline = Outline(title=title_of(properties), metadata=metadata_of(properties))
    return Parsed(outline=outline, parts=read_parts(document), links=list(link_targets(document.part.rels)))


def open_document(file: BinaryIO) -> Document:
    """The document of a package."""
    document: Document = Package.open(file).main_document_part.document
    return document


def relations_of(package: Any, source: Any) -> Any:
    """What a part refers to, but for what is not there: Word writes pictures that were lost as `../NULL`."""
    relations, members = all_relations_of(package, source), package._zipf.NameToInfo
    relations._srels = [one for one in relations if one.is_external or one.target_partname.membername in members]
    return relations


all_relations_of: Any = PackageReader._srels_for
PackageReader._srels_for = staticmethod(relations_of)  # type: ignore[method-assign]


def read_parts(document: Document) -> Iterator[Part]:
    """Cut before each heading; what stands in the margins of all pages is a part of its own."""
    asides, headings = Asides(document.part), heading_styles(document)
    body = document.element.body
    count, lines, heading = max(1, len(body)), list[str](), None
    for index, block in blocks(body):
        text = text_of(block)
        if block.tag == PARAGRAPH and text.strip() and style_of(block) in headings:
            if lines:
                yield Part(text="\n".join(lines), fraction=index / count, heading=heading)
            lines, heading = [], " ".join(text.split())
        lines.extend([text, *asides.of(block)])
    yield Part(text="\n".join(lines), fraction=1.0, heading=heading)
    if repeated := margins(document.part):
        yield Part(text="\n".join(repeated), fraction=1.0)


def heading_styles(document: Document) -> frozenset[str]:
    """The ids of the styles that mark headings; ids are in the writer's language, names are not."""
    styles = {style.style_id: style.element for style in document.styles}
    return frozenset(key for key in styles if is_heading(styles, key))


def is_heading(styles: Mapping[str, Any], key: str) -> bool:
    """Whether a style has a level in the outline or is called a heading, or else the one that it is based on."""
    passed = set[str]()
    while key in styles and key not in passed:
        passed.add(key)
        level, base = styles[key].find(LEVEL), styles[key].find(BASE)
        name = (styles[key].name_val or "").lower()
        if level is not None or name == "title" or name.startswith("heading"):
            return level is None or bool(level.get(VALUE) != BODY_LEVEL)
        key = "" if base is None else base.get(VALUE, "")
    return False


def style_of(paragraph: Any) -> str | None:
    """The id of the paragraph's style."""
    style = paragraph.find(STYLE)
    return None if style is None else style.get(VALUE)
