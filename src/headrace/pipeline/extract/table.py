"""Tables as text (CSV, TSV): each row becomes lines of "column: value", so that a passage explains itself."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

SAMPLE_CHARACTERS = 16_384
MAX_CELL_CHARACTERS = 1_000_000
DELIMITERS = ",;\t|"


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The first row names the columns if it looks like names."""
    size = size_of(file)
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    text = open_text(file)
    rows = csv.reader(text, dialect_of(text))
    records = read_records(rows, lambda: min(1.0, file.tell() / size))
    return Parsed(outline=Outline(), parts=grouped(records))


def dialect_of(text: io.TextIOWrapper) -> type[csv.Dialect]:
    """How the cells are separated, by a look at the beginning; commas where that says nothing."""
    sample = text.read(SAMPLE_CHARACTERS)
    text.seek(0)
    try:
        dialect = csv.Sniffer().sniff(sample, DELIMITERS)
    except csv.Error:
        return csv.excel
    dialect.doublequote = True  # said of the whole file, when the beginning only holds no quote within a cell
    return dialect


def read_records(rows: Iterator[list[str]], fraction: Callable[[], float]) -> Iterator[tuple[str, float]]:
    """One record for each row that has a value; a first row of names is one only where nothing follows."""
    try:
        first = next(rows, [])
        names, has_record = names_of(first), False
        for row in rows if names else chain([first], rows):
            record = described(row, names)
            if record:
                has_record = True
                yield record, fraction()
        if names and not has_record:
            yield alone(names), 1.0
    except csv.Error as error:
        detail = f"the table is broken ({error}); export it again as CSV with quoted cells"
        raise DocumentError("corrupt", detail) from error


def names_of(row: Sequence[str]) -> list[str]:
    """The columns' names, if the row looks like a header; the first and the last column may be without one.

    Programs leave out what they would call a row's number, or write a comma too many at each end of a line.
    """
    cells = [cell.strip() for cell in row]
    named = cells[bool(cells) and not cells[0] :]
    named = named[: len(named) - (bool(named) and not named[-1])]
    return cells if named and is_header(named) else []


def is_header(row: Sequence[str]) -> bool:
    """Names are there for all columns, differ from each other, and are no numbers."""
    cells = [cell.strip() for cell in row]
    return all(cells) and len(set(cells)) == len(cells) and not any(is_number(cell) for cell in cells)


def is_number(cell: str) -> bool:
    """Whether the cell is a figure, with a point or a comma."""
    return cell.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdigit()


def alone(names: Sequence[str]) -> str:
    """A row of names below which nothing stands: it may be all that a table says."""
    return " | ".join(filter(None, names))


def described(row: Sequence[str], names: Sequence[str]) -> str:
    """The row's values, each with its column; columns without a name are counted from 1."""
    lines = []
    for index, cell in enumerate(row):
        name = (names[index] if index < len(names) else "") or f"column {index + 1}"
        if cell.strip():
            lines.append(f"{name}: {cell.strip()}")
    return "\n".join(lines)
