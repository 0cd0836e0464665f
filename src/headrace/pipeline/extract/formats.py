"""Which extractor reads which type: the built-in ones, those of other packages, and those that an operator chose."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from headrace.pipeline.extract import Format, own
from headrace.pipeline.plugins import Group, NoSuchPart, installed, load

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a package says of a type that it reads; an entry point in `headrace.extractors` refers to one of these.

    `extractor` is "module:function", an `Extractor`; its module is imported by parser processes alone, so that what
    declares it stays cheap. A file is of this type when it begins with `mark`, or when its name ends in one of
    `suffixes` and its content is of no type that is known otherwise. `name` is what a message calls such a document;
    `is_memory_safe` is explained at `Format`.
    """

    content_type: str
    name: str
    extractor: str
    suffixes: tuple[str, ...] = ()
    mark: bytes = b""
    is_memory_safe: bool = False

    @property
    def format(self) -> Format:
        """How the type is read."""
        return Format(extractor=self.extractor, name=self.name, is_memory_safe=self.is_memory_safe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A large library that reads many types, used for those that an operator chooses. `package` is what is imported."""

    extractor: str
    package: str
    extra: str


ADAPTERS: Mapping[str, Adapter] = {
    name: Adapter(extractor=own(f"adapters.{name}"), package=name, extra=name) for name in ("docling", "markitdown")
}


@cache
def declared() -> Mapping[str, Declared]:
    """What other packages read, by the names of their entry points. One that does not load is logged and left out."""
    found = {}
    for name in installed(Group.EXTRACTORS):
        try:
            part = load(Group.EXTRACTORS, name)
        except NoSuchPart as error:
            logger.error("%s", error)  # noqa: TRY400  (the message says it all)
            continue
        if isinstance(part, Declared):
            found[name] = part
        else:
            logger.error("the extractor %r is no Declared but %r; it is left out", name, type(part).__name__)
    return found


def load_formats(chosen: Mapping[str, str]) -> dict[str, Format]:
    """The formats beside the built-in ones; `chosen` names, for a content type, an adapter or a package's extractor.

    Raises NoSuchPart for a name that is not installed; the message says how to install it.
    """
    formats = {one.content_type: one.format for one in declared().values()}
    return formats | {content_type: format_named(name) for content_type, name in chosen.items()}


def format_named(name: str) -> Format:
    """How an adapter, or another package's extractor, reads."""
    if name in declared():
        return declared()[name].format
    adapter = ADAPTERS.get(name)
    if adapter is None:
        known = ", ".join(repr(each) for each in sorted({*ADAPTERS, *declared()}))
        raise NoSuchPart(f"no extractor {name!r}; choose one of {known}")
    if find_spec(adapter.package) is None:
        raise NoSuchPart(
            f"the extractor {name!r} is not installed; get it with: pip install 'headrace[{adapter.extra}]'"
        )
    return Format(extractor=adapter.extractor, name="document")
