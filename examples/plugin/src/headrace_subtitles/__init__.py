"""Subtitles for Headrace. Cheap to import, since the server does it too."""

from headrace.pipeline.extract.formats import Declared

SUBTITLES = Declared(
    content_type="application/x-subrip",
    name="subtitle file",
    suffixes=(".srt",),
    extractor="headrace_subtitles.reading:extract",
    is_memory_safe=True,
)
