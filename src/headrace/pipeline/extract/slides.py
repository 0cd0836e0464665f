"""Slides by python-pptx: one part a slide, with its tables, groups, charts and diagrams, notes and comments."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from pptx.oxml.ns import qn
from pptx.package import Package

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.archive import check_archive
from headrace.pipeline.extract.dialect import transitional
from headrace.pipeline.extract.drawing import PARAGRAPH, chart_text, diagram_text, lines_of, paragraph_text
from headrace.pipeline.extract.office import drop_second_writings, link_targets, metadata_of, opened, related, title_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline

NAME = "presentation"
COMMENT = qn("p:text")


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole file is in memory at once, its pictures too. Pages are slides, hidden ones included."""
    check_archive(file, limits, NAME)
    presentation = opened(open_presentation, transitional(file, NAME), NAME)
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
        lines = [*lines_of(slide.element), *drawn_texts(slide), *notes_of(slide), *comments_of(slide)]
        text = "\n".join(filter(str.strip, lines))
        yield Part(text=text, fraction=number / count, page=number, heading=heading or None)


def notes_of(slide: Any) -> Iterator[str]:
    """What the speaker noted."""
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield slide.notes_slide.notes_text_frame.text


def drawn_texts(slide: Any) -> Iterator[str]:
    """What is written on its charts and in its diagrams."""
    yield from map(chart_text, related(slide.part, "chart"))
    yield from map(diagram_text, related(slide.part, "diagramData"))


def comments_of(slide: Any) -> Iterator[str]:
    """What others remarked on it, in the older way of writing that down or the newer."""
    for root in related(slide.part, "comments"):
        for node in root.iter(PARAGRAPH, COMMENT):
            yield node.text or "" if node.tag == COMMENT else paragraph_text(node)
