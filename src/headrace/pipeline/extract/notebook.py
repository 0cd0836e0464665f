"""Jupyter notebooks: one Markdown text of their cells, with code and what it printed in fences, cut at headings.

Pictures and widgets among the outputs are left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from headrace.pipeline.extract import markdown
from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.extract.tree import parsed, read_records
from headrace.pipeline.source import Limits, Outline

COLORS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
REDRAWN = re.compile(r"[^\r\n]*\r(?!\n)")
"""What a progress bar overwrites."""


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole notebook is in memory at once; JSON that is none is read as such."""
    notebook = parsed(open_text(file).read())
    cells = cells_of(notebook)
    if not cells:
        return Parsed(outline=Outline(), parts=grouped(read_records(notebook)))
    text = "\n\n".join(filter(None, map(told, cells))) + "\n"
    links: list[str] = []
    lines = markdown.noting_links(iter(text.splitlines(keepends=True)), links)
    title = text_in(members(notebook, "metadata").get("title"))
    return Parsed(outline=Outline(title=title or None), parts=markdown.read_parts(lines, 0, lambda: 0.0), links=links)


def cells_of(notebook: Any) -> list[Mapping[str, Any]]:
    """The cells; before format 4 they are in a sheet."""
    if not isinstance(notebook, dict):
        return []
    sheets = [notebook, *mappings(notebook.get("worksheets"))]
    return [cell for sheet in sheets for cell in mappings(sheet.get("cells"))]


def told(cell: Mapping[str, Any]) -> str:
    """The cell as Markdown."""
    source = text_in(cell.get("source", cell.get("input"))).strip("\n")
    if cell.get("cell_type") != "code":
        return source
    outputs = (shown(output) for output in mappings(cell.get("outputs")))
    return "\n\n".join(fenced(text) for text in [source, *outputs] if text.strip())


def shown(output: Mapping[str, Any]) -> str:
    """The text of an output: what was printed, a value, or an error without its traceback; none where it is drawn."""
    if output.get("output_type") == "error":
        return f"{text_in(output.get('ename'))}: {text_in(output.get('evalue'))}"
    data = members(output, "data")
    if any(kind.startswith("image/") for kind in data):
        return ""
    text = text_in(data.get("text/plain", output.get("text")))
    return REDRAWN.sub("", COLORS.sub("", text)).strip("\n")


def fenced(text: str) -> str:
    """The text between fences that it does not have."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def text_in(value: Any) -> str:
    """A string, which may be written line by line."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))


def members(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The members of the object of that name."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list."""
    return (each for each in (value if isinstance(value, list) else []) if isinstance(each, dict))
