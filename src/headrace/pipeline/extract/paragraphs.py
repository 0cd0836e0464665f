"""WordprocessingML: the paragraphs and tables of a document, a note or a header, as text."""

from collections.abc import Iterator
from typing import Any

from docx.oxml.ns import qn

PARAGRAPH, TABLE, ROW, CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
GLYPHS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
TEXT, FORMULA_TEXT = qn("w:t"), "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
CONTROLS = {qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml")}


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
