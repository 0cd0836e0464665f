"""DrawingML: what is written in the shapes, tables, charts and diagrams (SmartArt) of all Office files."""

from collections.abc import Iterator
from typing import Any

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"
PARAGRAPH, TEXT, BREAK = (f"{{{DRAWING}/main}}{name}" for name in ("p", "t", "br"))
TABLE, ROW, CELL = (f"{{{DRAWING}/main}}{name}" for name in ("tbl", "tr", "tc"))
LABEL, *LABELS = (f"{{{DRAWING}/chart}}{name}" for name in ("v", "tx", "cat"))
CHART, DIAGRAM = f"{{{DRAWING}/chart}}chart", f"{{{DRAWING}/diagram}}relIds"


def chart_text(root: Any) -> str:
    """What is written on a chart: its titles, then the names of its series and categories, each once."""
    if root is None:
        return ""
    titles = [paragraph_text(paragraph) for paragraph in root.iter(PARAGRAPH)]
    labels = (node for node in root.iter(LABEL) if next(node.iterancestors(*LABELS), None) is not None)
    names = dict.fromkeys(node.text.strip() for node in labels if node.text)
    return "\n".join([*titles, ", ".join(names)]).strip()


def diagram_text(root: Any) -> str:
    """What is written in the boxes of a diagram."""
    return "" if root is None else "\n".join(filter(str.strip, lines_of(root)))


def lines_of(root: Any) -> Iterator[str]:
    """Paragraphs in the order in which they were drawn, tables with a row a line."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.tag == PARAGRAPH:
            yield paragraph_text(node)
        elif node.tag == TABLE:
            yield from table_lines(node)
        else:
            stack.extend(reversed(node))


def paragraph_text(paragraph: Any) -> str:
    """The paragraph's runs, and fields such as a date."""
    return "".join("\n" if node.tag == BREAK else node.text or "" for node in paragraph.iter(TEXT, BREAK))


def table_lines(table: Any) -> Iterator[str]:
    """Each row with its cells between bars."""
    for row in table.iterchildren(ROW):
        cells = (" ".join(paragraph_text(one) for one in cell.iter(PARAGRAPH)) for cell in row.iterchildren(CELL))
        yield " | ".join(" ".join(cell.split()) for cell in cells)
