"""What all adapters give: Markdown, read as Markdown is."""

import io
from dataclasses import replace

from headrace.pipeline.extract import markdown
from headrace.pipeline.extract.parts import Parsed
from headrace.pipeline.source import Limits


def parsed_markdown(text: str, limits: Limits, *, title: str | None = None) -> Parsed:
    """The converted document; `title` is what its library found."""
    parsed = markdown.extract(io.BytesIO(text.encode("utf-8", "replace")), limits)
    outline = replace(parsed.outline, title=parsed.outline.title or title or None)
    return Parsed(outline=outline, parts=parsed.parts, warnings=parsed.warnings, links=parsed.links)
