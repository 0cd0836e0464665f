"""Any type that docling reads. Its models must be there already: in the cage there is no network to fetch them."""

import io
import mimetypes
from typing import BinaryIO

from docling.datamodel.base_models import DocumentStream
from docling.document_converter import DocumentConverter

from headrace.pipeline.extract.adapters.text import parsed_markdown
from headrace.pipeline.extract.parts import Parsed
from headrace.pipeline.sniff import sniff_file
from headrace.pipeline.source import Limits


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole document is converted at once. The type is seen from the content, and told as a suffix."""
    suffix = mimetypes.guess_extension(sniff_file(file, "")) or ""
    file.seek(0)
    source = DocumentStream(name=f"document{suffix}", stream=io.BytesIO(file.read()))
    document = DocumentConverter().convert(source, max_num_pages=limits.max_pages).document
    return parsed_markdown(document.export_to_markdown(), limits)
