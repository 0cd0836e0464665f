"""Word documents by python-docx: text in reading order, cut at headings, tables a row a line.

Headers, footers, footnotes and comments are not read.
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
from headrace.pipeline.extract.office import drop_second_writings, link_targets, metadata_of, opened, title_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

NAME = "Word document"
PARAGRAPH, TABLE, ROW, CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
STYLE, VALUE = f"{qn('w:pPr')}/{qn('w:pStyle')}", qn("w:val")
GLYPHS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
TEXT, FORMULA_TEXT = qn("w:t"), "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
CONTROLS = {qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml")}
# python-docx knows documents without macros only; those with them, and templates, hold the same.
for kind in ("ms-word.document.macroEnabled", "ms-word.template.macroEnabledTemplate"):
    PartFactory.part_type_for[f"application/vnd.{kind}.main+xml"] = DocumentPart
PartFactory.part_type_for["application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"] = (
    DocumentPart
)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole tree is in memory at once, at 20 times its packed size and more: the memory limit is what bounds it."""
    check_archive(file, limits, NAME)
    document = opened(open_document, file, NAME)
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
    """Cut before each heading."""
    headings = heading_styles(document)
    body = document.element.body
    count, lines, heading = max(1, len(body)), list[str](), None
    for index, block in blocks(body):
        text = text_of(block)
        if block.tag == PARAGRAPH and text.strip() and style_of(block) in headings:
            if lines:
                yield Part(text="\n".join(lines), fraction=index / count, heading=heading)
            lines, heading = [], " ".join(text.split())
        lines.append(text)
    yield Part(text="\n".join(lines), fraction=1.0, heading=heading)


def heading_styles(document: Document) -> frozenset[str]:
    """The ids of the styles that mark headings; ids are in the writer's language, names are not."""
    names: Mapping[str, str] = {style.style_id: (style.name or "").lower() for style in document.styles}
    return frozenset(key for key, name in names.items() if name.startswith("heading") or name == "title")


def style_of(paragraph: Any) -> str | None:
    """The id of the paragraph's style."""
    style = paragraph.find(STYLE)
    return None if style is None else style.get(VALUE)


def blocks(body: Any) -> Iterator[tuple[int, Any]]:
    """Paragraphs and tables in order, within content controls too, each with its place among the body's children."""
    for index, child in enumerate(body):
        stack = [child]
        while stack:
            node = stack.pop()
            if node.tag in {PARAGRAPH, TABLE}:
                yield index, node
            else:
                stack.extend(reversed(node))


def text_of(block: Any) -> str:
    """A paragraph's text, or a table's with a row a line."""
    if block.tag == PARAGRAPH:
        return run_text(block)
    rows = ((" ".join(run_text(cell).split()) for cell in within(row, CELL)) for row in within(block, ROW))
    return "\n".join(" | ".join(row) for row in rows)


def within(parent: Any, tag: str) -> Iterator[Any]:
    """The children with this tag in order, within content controls too."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in CONTROLS:
            yield from within(child, tag)


def run_text(block: Any) -> str:
    """All text below the element, insertions and links included, deletions not; nested paragraphs stand apart."""
    pieces = []
    for node in block.iter(TEXT, FORMULA_TEXT, PARAGRAPH, *GLYPHS):
        if node.tag in {TEXT, FORMULA_TEXT}:
            pieces.append(node.text or "")
        elif node.tag == PARAGRAPH:
            pieces.append("\n" if pieces else "")
        else:
            pieces.append(GLYPHS[node.tag])
    return "".join(pieces)
