"""Any type that markitdown reads, by its own converters; plug-ins of its own stay off."""

from typing import BinaryIO

from markitdown import MarkItDown, StreamInfo

from headrace.pipeline.extract.adapters.text import parsed_markdown
from headrace.pipeline.extract.parts import Parsed
from headrace.pipeline.source import Limits


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole document is converted at once. The type is seen from the content."""
    converted = MarkItDown(enable_plugins=False).convert_stream(file, stream_info=StreamInfo())
    return parsed_markdown(converted.text_content, limits, title=converted.title)
