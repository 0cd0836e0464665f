"""What Office files have in common: how they are opened, and what their core properties say."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

from lxml import etree

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.archive import damaged

FIELDS = {
    "author": "author",
    "subject": "subject",
    "keywords": "keywords",
    "created": "created_at",
    "modified": "modified_at",
}
MADE_UP = {"Word Document", "PowerPoint Presentation"}
# Office writes some things twice: the second time for old readers, or where a text that was moved had been.
SECOND_WRITINGS = (
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}moveFrom",
)

Opened = TypeVar("Opened")


def opened(open_file: Callable[[BinaryIO], Opened], file: BinaryIO, name: str) -> Opened:
    """Raises DocumentError `corrupt` for whatever the library stumbles over: mostly errors that are not its own."""
    try:
        return open_file(file)
    except (MemoryError, DocumentError):
        raise
    except Exception as error:
        raise damaged(name) from error


def metadata_of(properties: Any) -> dict[str, str]:
    """The core properties that are set, instants as ISO 8601; what is no instant is left out."""
    found = {name: value_of(properties, field) for field, name in FIELDS.items()}
    return {name: value if isinstance(value, str) else value.isoformat() for name, value in found.items() if value}


def title_of(properties: Any) -> str | None:
    """The document's title; not that which python-docx and python-pptx make up where the properties are missing."""
    is_made_up = value_of(properties, "last_modified_by") in {"python-docx", "python-pptx"}
    title = value_of(properties, "title") or None
    return None if is_made_up and title in MADE_UP else title


def value_of(properties: Any, field: str) -> Any:
    """One property, None where it is broken."""
    try:
        return getattr(properties, field)
    except ValueError:
        return None


def drop_second_writings(root: Any) -> None:
    """Leave one of what stands twice below the element."""
    for node in list(root.iter(*SECOND_WRITINGS)):
        node.getparent().remove(node)


def link_targets(relations: Mapping[str, Any]) -> Iterator[str]:
    """The addresses outside of the file that it refers to."""
    for relation in relations.values():
        if relation.is_external and relation.reltype.endswith("/hyperlink"):
            yield str(relation.target_ref)


def related(part: Any, kind: str) -> Iterator[Any]:
    """The trees of the parts of this kind, such as "footnotes", that a part refers to."""
    for relation in part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            root = tree_of(relation.target_part.blob)
            if root is not None:
                yield root


def tree_of(content: bytes) -> Any:
    """What a part of a package holds, said once; None where it is broken, which costs nothing but itself."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        return None
    drop_second_writings(root)
    return root
