"""What an XLSX file says beside its cells: comments, text boxes, charts, diagrams. Calamine does not read them."""

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from headrace.pipeline.extract.drawing import chart_text, diagram_text
from headrace.pipeline.extract.office import tree_of

TEXTS: Mapping[str, Callable[[Any], str]] = {
    "drawing": diagram_text,
    "chart": chart_text,
    "diagramData": diagram_text,
}
COMMENTS, RUNS = ("{*}comment", "{*}threadedComment"), ("{*}t", "{*}text")


def remarks_of(file: BinaryIO) -> dict[str, list[str]]:
    """By the names of the sheets; leaves the file at its beginning. What is broken is left out."""
    try:
        with zipfile.ZipFile(file) as archive:
            return {name: list(beside(archive, member)) for name, member in sheets(archive)}
    except zipfile.BadZipFile:
        return {}
    finally:
        file.seek(0)


def sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Each sheet's name and where it is. Names of namespaces differ between the standard's two dialects."""
    workbook = main_member(archive)
    root = read_tree(archive, workbook)
    members = {key: member for key, _, member in relations(archive, workbook)}
    for sheet in () if root is None else root.iter("{*}sheet"):
        key = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        if key in members:
            yield sheet.get("name", ""), members[key]


def main_member(archive: zipfile.ZipFile) -> str:
    """The workbook itself."""
    return next((member for _, kind, member in relations(archive, "") if kind == "officeDocument"), "")


def related_members(archive: zipfile.ZipFile, kind: str) -> list[str]:
    """What the workbook refers to as this kind, such as "styles"."""
    return [member for _, found, member in relations(archive, main_member(archive)) if found == kind]


def beside(archive: zipfile.ZipFile, sheet: str) -> Iterator[str]:
    """What is written upon a sheet, and in the drawing on it."""
    related = [(kind, target) for _, kind, target in relations(archive, sheet)]
    drawings = [target for kind, target in related if kind == "drawing"]
    drawn = [(kind, target) for drawing in drawings for _, kind, target in relations(archive, drawing)]
    # Newer comments are written down a second time, after a note to readers of the older kind.
    newest = "threadedComment" if any(kind == "threadedComment" for kind, _ in related) else "comments"
    texts = {**TEXTS, newest: comments_text}
    for kind, target in [*related, *drawn]:
        root = read_tree(archive, target) if kind in texts else None
        if root is not None and (text := texts[kind](root)):
            yield text


def comments_text(root: Any) -> str:
    """Each with the cell that it is about."""
    texts = (("".join(node.text or "" for node in one.iter(*RUNS)).strip(), one) for one in root.iter(*COMMENTS))
    return "\n".join(f"{comment.get('ref')}: {text}" for text, comment in texts if text)


def relations(archive: zipfile.ZipFile, member: str) -> Iterator[tuple[str, str, str]]:
    """What a member refers to within the file, each with its key and its kind."""
    folder, name = posixpath.split(member)
    root = read_tree(archive, posixpath.join(folder, "_rels", f"{name}.rels"))
    for one in () if root is None else root.iterchildren("{*}Relationship"):
        if one.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, one.get("Target", "")))
            yield one.get("Id", ""), one.get("Type", "").rpartition("/")[2], target.lstrip("/")


def read_tree(archive: zipfile.ZipFile, member: str) -> Any:
    """The XML in a member; None where it is not there, or broken."""
    try:
        return tree_of(archive.read(member))
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return None
