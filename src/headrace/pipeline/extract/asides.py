"""What a Word document says beside its text: notes, comments, charts, diagrams, headers and footers."""

from collections.abc import Iterator
from typing import Any

from docx.opc.part import Part
from docx.oxml.ns import qn

from headrace.pipeline.extract.drawing import CHART, DIAGRAM, chart_text, diagram_text
from headrace.pipeline.extract.office import related, tree_of
from headrace.pipeline.extract.paragraphs import blocks, text_of

# What a note is below, and what refers to it, by the part of the package that holds all of that kind.
NOTES = {f"{kind}s": (qn(f"w:{kind}"), qn(f"w:{kind}Reference")) for kind in ("footnote", "endnote", "comment")}
DRAWN = {"chart": CHART, "diagramData": DIAGRAM}
ID, RELATION, DATA_RELATION = qn("w:id"), qn("r:id"), qn("r:dm")


class Asides:
    """Gives, for a paragraph or a table, what it refers to."""

    def __init__(self, document: Part) -> None:
        self._relations = document.rels
        self._notes = dict(notes_of(document))
        kinds = {relation.reltype.rpartition("/")[2] for relation in document.rels.values()}
        drawn = {tag for kind, tag in DRAWN.items() if kind in kinds}
        self._tags = {tag for tag, _ in self._notes} | drawn

    def of(self, block: Any) -> Iterator[str]:
        """The texts of its notes, comments, charts and diagrams, in their order."""
        for node in block.iter(*self._tags) if self._tags else ():
            if node.tag == CHART:
                text = chart_text(self._drawn(node.get(RELATION)))
            elif node.tag == DIAGRAM:
                text = diagram_text(self._drawn(node.get(DATA_RELATION)))
            else:
                text = self._notes.get((node.tag, node.get(ID)), "")
            if text:
                yield text

    def _drawn(self, relation: str) -> Any:
        return tree_of(self._relations[relation].target_part.blob) if relation in self._relations else None


def notes_of(document: Part) -> Iterator[tuple[tuple[str, str], str]]:
    """The text of each note, by what refers to it: an element's name, and an id."""
    for kind, (note, reference) in NOTES.items():
        for root in related(document, kind):
            for each in root.iterchildren(note):
                yield (reference, each.get(ID)), joined(each)


def margins(document: Part) -> list[str]:
    """What the headers and footers of the document's sections say, each once; mere numbers are left out."""
    roots = (root for kind in ("header", "footer") for root in related(document, kind))
    texts = dict.fromkeys(joined(root) for root in roots)
    return [text for text in texts if any(map(str.isalpha, text))]


def joined(root: Any) -> str:
    """The paragraphs and tables of what is no document by itself."""
    return "\n".join(text.strip() for _, block in blocks(root) if (text := text_of(block)).strip())
