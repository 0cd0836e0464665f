"""Slides by python-pptx: one part a slide, with its tables, its groups and what the speaker noted."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from pptx.oxml.ns import qn
from pptx.package import Package

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.archive import check_archive
from headrace.pipeline.extract.office import drop_second_writings, link_targets, metadata_of, opened, title_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

NAME = "presentation"
PARAGRAPH, TEXT, BREAK = qn("a:p"), qn("a:t"), qn("a:br")
LABEL, LABELS = qn("c:v"), (qn("c:tx"), qn("c:cat"))
TABLE, ROW, CELL = qn("a:tbl"), qn("a:tr"), qn("a:tc")


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole file is in memory at once, its pictures too. Pages are slides, hidden ones included."""
    check_archive(file, limits, NAME)
    presentation = opened(open_presentation, file, NAME)
    count = len(presentation.slides)
    if count > limits.max_pages:
        detail = f"the {NAME} has {count} slides and the limit is {limits.max_pages}; split it into smaller files"
        raise DocumentError("too_large", detail)
    properties = presentation.core_properties
    outline = Outline(page_count=count, title=title_of(properties), metadata=metadata_of(properties))
    links: list[str] = []
    return Parsed(outline=outline, parts=read_parts(presentation, count, links), links=links)


def open_presentation(file: BinaryIO) -> Any:
    """The slides of a package: of a presentation, of a template, or of a show, which python-pptx would not open."""
    return Package.open(file).main_document_part.presentation


def read_parts(presentation: Any, count: int, links: list[str]) -> Iterator[Part]:
    """Slides from 1, each below its title."""
    for number, slide in enumerate(presentation.slides, 1):
        drop_second_writings(slide.element)
        links.extend(link_targets(slide.part.rels))
        title = slide.shapes.title
        heading = " ".join(title.text_frame.text.split()) if title is not None else ""
        text = "\n".join(filter(str.strip, [*lines_of(slide.element), *chart_lines(slide), *notes_of(slide)]))
        yield Part(text=text, fraction=number / count, page=number, heading=heading or None)


def notes_of(slide: Any) -> Iterator[str]:
    """What the speaker noted."""
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield slide.notes_slide.notes_text_frame.text


def chart_lines(slide: Any) -> Iterator[str]:
    """What is written on each chart: its titles, then the names of its series and categories, each once."""
    for relation in slide.part.rels.values():
        if relation.reltype.endswith("/chart") and not relation.is_external:
            root = relation.target_part.chart.element
            titles = [paragraph_text(paragraph) for paragraph in root.iter(PARAGRAPH)]
            labels = (node for node in root.iter(LABEL) if next(node.iterancestors(*LABELS), None) is not None)
            names = dict.fromkeys(node.text.strip() for node in labels if node.text)
            yield "\n".join([*titles, ", ".join(names)]).strip()


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
