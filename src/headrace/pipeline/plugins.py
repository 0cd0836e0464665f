"""Parts of the pipeline that other packages bring: what is installed, found by its entry points.

A package names its part in its own metadata, and an operator chooses it by that name:

    [project.entry-points."headrace.embedders"]
    acme = "acme_vectors:AcmeEmbedder"

Nothing of a package is imported before its part is asked for.
"""

from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class Group(StrEnum):
    """Where a package registers its parts; what an entry point refers to is said beside the protocol of each."""

    EXTRACTORS = "headrace.extractors"
    CHUNKERS = "headrace.chunkers"
    ENRICHERS = "headrace.enrichers"
    EMBEDDERS = "headrace.embedders"


class NoSuchPart(ValueError):
    """A part was asked for that is not installed, or that does not load."""


def installed(group: Group) -> dict[str, EntryPoint]:
    """The parts of this kind by name, in the order of names; of two of one name, the first package found."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


def load(group: Group, name: str) -> Any:
    """The object that the part's package names.

    Raises:
        NoSuchPart: there is none of that name, or it cannot be imported; the message says what is there instead.
    """
    entry = installed(group).get(name)
    kind = group.removeprefix("headrace.").removesuffix("s")
    if entry is None:
        known = ", ".join(repr(each) for each in installed(group)) or "none"
        raise NoSuchPart(f"no {kind} {name!r} is installed; other packages bring: {known}")
    try:
        return entry.load()
    except Exception as error:
        told = f"the {kind} {name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
        raise NoSuchPart(told) from error
