"""Tables as text (CSV, TSV): each row becomes lines of "column: value", so that a passage explains itself."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat, takewhile
from typing import BinaryIO

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

SAMPLE_CHARACTERS = 16_384
MAX_CELL_CHARACTERS = 1_000_000
DELIMITERS = ",;\t|"
SEPARATOR = re.compile(rf"sep=([{DELIMITERS}])\r?\n")
LOOKED_AT = 20
"""Rows by which the titles and the header are told."""
SIGNS = "+-%\u2030$\u00a2\u00a3\u00a5\u20ac\u20b9 "
"""What may stand beside the digits of a figure: per cent and per mille, dollars, cents, pounds, yen, euros, rupees."""
FIRST_YEAR, LAST_YEAR = 1800, 2100


class Figure(str):
    """A number with its unit, as it is shown: whatever the unit, it names no column."""

    __slots__ = ()


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The first row names the columns if it looks like names."""
    size = size_of(file)
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    records = read_records(rows_of(open_text(file)), lambda: min(1.0, file.tell() / size))
    return Parsed(outline=Outline(), parts=grouped(records))


def rows_of(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """The cells of each row; a first line that says how they are separated, as Excel reads it, is none."""
    sample = text.read(SAMPLE_CHARACTERS)
    text.seek(0)
    said = SEPARATOR.match(sample)
    if said:
        text.readline()
    return read_cells(text, said[1] if said else delimiter_of(sample))


def delimiter_of(sample: str) -> str:
    """What cuts the most rows into as many cells each; commas where nothing does."""
    return max(DELIMITERS, key=lambda delimiter: regularity(sample, delimiter))


def regularity(sample: str, delimiter: str) -> tuple[int, int]:
    """How many rows have the number of cells that most have, more than one, and that number."""
    counts: Counter[int] = Counter()
    with suppress(csv.Error):
        counts.update(map(len, read_cells(sample.splitlines(keepends=True), delimiter)))
    return max(((rows, cells) for cells, rows in counts.items() if cells > 1), default=(0, 0))


def read_cells(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Cells may be quoted, also behind a space."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def read_records(rows: Iterator[list[str]], fraction: Callable[[], float]) -> Iterator[tuple[str, float]]:
    """The table's records, each with how far the file is read. Raises DocumentError `corrupt`."""
    try:
        for record in records_of(rows):
            yield record, fraction()
    except csv.Error as error:
        detail = f"the table is broken ({error}); export it again as CSV with quoted cells"
        raise DocumentError("corrupt", detail) from error


def records_of(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The titles above the table, then one record for each row that has a value.

    The first row names the columns if it looks like names; it is a record only where nothing follows.
    """
    stripped = ([cell if isinstance(cell, Figure) else cell.strip() for cell in row] for row in rows)
    beginning = list(islice(stripped, LOOKED_AT))
    first = beginning_of_table(beginning)
    yield from map(alone, filter(any, beginning[:first]))
    beginning = list(filter(any, beginning[first:]))
    names = names_of(*beginning) if beginning else []
    labels = labels_of(names, max(map(len, beginning), default=0))
    has_record = False
    for row in chain(beginning[bool(names) :], stripped):
        if record := described(row, labels):
            has_record = True
            yield record
    if names and not has_record:
        yield alone(names)


def beginning_of_table(rows: Sequence[Sequence[str]]) -> int:
    """The place of the first row that is no title.

    Titles end before most rows do, and fill no more than half as many columns, or stand above a blank row.
    """
    counts = [sum(map(bool, row)) for row in rows]
    ends = [max((place for place, cell in enumerate(row, 1) if cell), default=0) for row in rows]
    narrow = list(takewhile(lambda place: ends[place] < usual(ends), range(len(rows))))
    titles = takewhile(lambda place: counts[place] * 2 <= usual(counts), narrow)
    return 1 + max([-1, *titles, *(place for place in narrow if not counts[place])])


def usual(numbers: Sequence[int]) -> int:
    """The number that there are most of, the largest of several, but for nought."""
    return max(filter(None, numbers), key=lambda number: (numbers.count(number), number), default=0)


def names_of(row: Sequence[str], *below: Sequence[str]) -> list[str]:
    """The columns' names, no two alike, if the row looks like a header; columns at either end may be without one.

    Programs leave out what they would call a row's number, or write a comma too many at each end of a line. Others may
    be without a name where what stands below some name tells that it is one: nothing but numbers.
    """
    named = [index for index, cell in enumerate(row) if cell]
    columns = [Column(row[index], [each[index] for each in below if index < len(each)]) for index in named]
    has_gap = len(named) <= named[-1] - named[0]
    if (has_gap and not any(map(is_above_numbers, columns))) or not is_header(columns, is_beside_others=named[0] > 0):
        return []
    return list(told_apart(" ".join(cell.split()) for cell in row))


def told_apart(names: Iterable[str]) -> Iterator[str]:
    """The names; the second of its kind, and those after it, with their number."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield f"{name} ({seen[name]})" if name and seen[name] > 1 else name


@dataclass(frozen=True, slots=True)
class Column:
    """What stands at the top of a column, and some of what is below."""

    name: str
    values: Sequence[str]


def is_header(columns: Sequence[Column], *, is_beside_others: bool) -> bool:
    """Whether what is at the top of the columns are names.

    They are words that differ from each other, or at least from what is below; or numbers that are years above what are
    none, or that count on, beside words or a column without a name.
    """
    is_repeated = len({column.name for column in columns}) < len(columns)
    if is_repeated and any(column.name in column.values for column in columns):
        return False
    numbered = [column for column in columns if is_number(column.name)]
    if len(numbered) == len(columns) and not is_beside_others:
        return False
    return not numbered or counts_on(numbered) or all(map(is_above_no_years, numbered))


def counts_on(columns: Sequence[Column]) -> bool:
    """Whether each name is one more than the one before it, and no year."""
    numbers = [int(column.name) for column in columns if column.name.isdecimal() and not is_year(column.name)]
    return 1 < len(columns) == len(numbers) and all(second == first + 1 for first, second in pairwise(numbers))


def is_above_no_years(column: Column) -> bool:
    """Whether the name is a year, and below it something else is."""
    return is_year(column.name) and not all(map(is_year, filter(None, column.values)))


def is_above_numbers(column: Column) -> bool:
    """Whether something is below, and nothing but numbers."""
    values = list(filter(None, column.values))
    return bool(values) and all(map(is_number, values))


def is_year(cell: str) -> bool:
    """Whether the cell is likely to be one."""
    return len(cell) == len("2000") and cell.isdecimal() and FIRST_YEAR <= int(cell) <= LAST_YEAR


def is_number(cell: str) -> bool:
    """Whether the cell is a figure, with a point or a comma, a currency's sign or a percentage's."""
    return isinstance(cell, Figure) or cell.strip(SIGNS).replace(".", "", 1).replace(",", "", 1).isdigit()


def alone(names: Sequence[str]) -> str:
    """A row of names below which nothing stands: it may be all that a table says."""
    return " | ".join(filter(None, names))


def labels_of(names: Sequence[str], width: int) -> list[str]:
    """What so many columns are called, or more; those without a name are counted from 1."""
    named = chain(names, repeat("", width - len(names)))
    return [name or f"column {number}" for number, name in enumerate(named, 1)]


def described(row: Sequence[str], labels: Sequence[str]) -> str:
    """The row's values, each with its column."""
    if len(row) > len(labels):
        labels = [*labels, *labels_of([], len(row))[len(labels) :]]
    return "\n".join([f"{label}: {cell}" for label, cell in zip(labels, row, strict=False) if cell])
