"""One extractor per format behind one small table; each turns a file into an outline and its parts.

The modules named in the table load their libraries when they are imported, which only a parser's own process does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import BinaryIO, cast

from headrace.pipeline.extract.languages import LANGUAGES
from headrace.pipeline.extract.parts import Parsed
from headrace.pipeline.source import Limits

Extractor = Callable[[BinaryIO, Limits], Parsed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a type is read. `extractor` is "module:function"; `name` is what a message calls such a document.

    `is_memory_safe` says that no C or C++ parser touches the bytes: only then may one process read several documents,
    since it cannot be taken over by the first and lie about the next. `is_hardened` says of one in C or C++ that it is
    made, and tested, for pages from anywhere: then the process may read on for the same sender, and for nobody else.
    """

    extractor: str
    name: str
    is_memory_safe: bool = False
    is_hardened: bool = False


def own(module: str) -> str:
    """The extractor of a module beside this one."""
    return f"{__name__}.{module}:extract"


OFFICE = "application/vnd.openxmlformats-officedocument"

FORMATS: Mapping[str, Format] = {
    "application/pdf": Format(extractor=own("pdf"), name="PDF"),
    f"{OFFICE}.wordprocessingml.document": Format(extractor=own("docx"), name="Word document"),
    f"{OFFICE}.presentationml.presentation": Format(extractor=own("slides"), name="presentation"),
    f"{OFFICE}.spreadsheetml.sheet": Format(extractor=own("workbook"), name="workbook"),
    "application/vnd.ms-excel": Format(extractor=own("workbook"), name="workbook"),
    "application/vnd.oasis.opendocument.spreadsheet": Format(extractor=own("workbook"), name="workbook"),
    "application/epub+zip": Format(extractor=own("epub"), name="book"),
    "application/rtf": Format(extractor=own("richtext"), name="rich text", is_memory_safe=True),
    "application/zip": Format(extractor=own("listing"), name="archive"),
    "message/rfc822": Format(extractor=own("mail"), name="mail"),
    "application/mbox": Format(extractor=own("mailbox"), name="mailbox"),
    "image/png": Format(extractor=own("image"), name="picture"),
    "image/jpeg": Format(extractor=own("image"), name="picture"),
    "image/tiff": Format(extractor=own("image"), name="picture"),
    "text/html": Format(extractor=own("html"), name="HTML page", is_hardened=True),
    "application/xml": Format(extractor=own("markup"), name="XML document"),
    "text/markdown": Format(extractor=own("markdown"), name="Markdown text", is_memory_safe=True),
    "text/plain": Format(extractor=own("text"), name="text", is_memory_safe=True),
    "text/csv": Format(extractor=own("table"), name="CSV table", is_memory_safe=True),
    "application/json": Format(extractor=own("tree"), name="JSON document", is_memory_safe=True),
    "application/x-ipynb+json": Format(extractor=own("notebook"), name="notebook", is_memory_safe=True),
    "application/x-ndjson": Format(extractor=own("lines"), name="JSON lines", is_memory_safe=True),
    **{
        language.content_type: Format(extractor=own("code"), name=f"{language.name} source", is_memory_safe=True)
        for language in LANGUAGES
    },
}


def load(extractor: str) -> Extractor:
    """Import the function that "module:function" names."""
    module, _, function = extractor.partition(":")
    return cast("Extractor", getattr(import_module(module), function))
