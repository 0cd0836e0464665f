"""Parsers without processes, for a world of which a seed decides every step: plain text, parsed in the same thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

from headrace.pipeline.extract import FORMATS, load
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import Limits, Opening, Parsers, Reading, Source, child, never, wire
from headrace.pipeline.sandbox.parsers import ordered
from headrace.pipeline.sandbox.recognition import PageTexts
from headrace.pipeline.study import NO_BRIEF, Brief


class Frames(list[bytes]):
    """What a parser has sent."""

    send = list.append


class Here(Parsers):
    """What a parser's process does and what its owner hears, without the way between them."""

    @contextmanager
    def begin(
        self,
        source: Source,
        *,
        first_section: int = 0,
        stop: Callable[[], bool] = never,
        texts: PageTexts | None = None,
        brief: Brief = NO_BRIEF,
    ) -> Iterator[Opening]:
        order = ordered(source, first_section=first_section, brief=brief)
        yield cast("Opening", SimpleNamespace(reading=lambda: Reading(messages(source, order))))


def messages(source: Source, order: wire.Order) -> Iterator[wire.Message]:
    frames, limits = Frames(), Limits()
    extract = load(FORMATS[source.content_type].extractor)
    with source.path.open("rb") as file, open_window(file.fileno(), source.offset, source.size) as window:
        child.answer(cast("child.Outlet", frames), order, extract(window, limits), limits, None)
    for frame in frames:
        yield wire.parsed(frame[wire.LENGTH.size :])
