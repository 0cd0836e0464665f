from collections.abc import Callable, Iterator

import pytest

from headrace.model.document import Section
from headrace.pipeline.sandbox import Limits, Outline, Parsers, Source

Read = Callable[[Source], tuple[Outline, list[Section]]]


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    with Parsers(Limits(seconds=20, max_pages=50)) as parsers:
        yield parsers


@pytest.fixture
def read(parsers: Parsers) -> Read:
    def read(source: Source) -> tuple[Outline, list[Section]]:
        with parsers.open(source) as reading:
            sections = list(reading)
            assert reading.fraction == 1.0
            return reading.outline, sections

    return read
