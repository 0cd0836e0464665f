"""The parsers of a worker, as the settings want them."""

from headrace.pipeline.extract.formats import load_formats
from headrace.pipeline.sandbox import Limits, Parsers, Recognizer, find_recognizer
from headrace.settings import Settings

PARSERS_OF_A_SLICE = 2
"""One that is heard, and one that has begun with the next document."""


def open_parsers(settings: Settings) -> Parsers:
    """Enter it to start the process that documents are read from. Raises ValueError for what is not installed."""
    return Parsers(
        limits_of(settings),
        formats=load_formats(settings.extractors),
        recognizer=recognizer_of(settings),
        most_idle=PARSERS_OF_A_SLICE * settings.slices_at_once,
    )


def limits_of(settings: Settings) -> Limits:
    """What reading one document may cost."""
    return Limits(
        seconds=settings.parse_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_pages=settings.max_pages,
        max_unpacked_bytes=settings.max_unpacked_bytes,
        max_members=settings.max_archive_members,
        max_ratio=settings.max_archive_ratio,
        ratio_from_bytes=settings.archive_ratio_from_bytes,
        max_pixels=settings.max_pixels,
        recognition_seconds=settings.ocr_seconds,
    )


def recognizer_of(settings: Settings) -> Recognizer | None:
    """What reads pictures of text, if it is installed and wanted."""
    return find_recognizer(settings.ocr_languages) if settings.ocr else None
