"""The signs that the number formats of an XLSX file put beside its numbers: percent, currencies, kg.

Calamine gives the numbers alone. Formats whose sign depends on the reader's own country are left.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from headrace.pipeline.extract.remarks import read_tree, related_members, sheets
from headrace.pipeline.extract.table import Figure

PERCENT_FORMATS = {"9": "0%", "10": "0.00%"}
# ECMA-376, 18.8.31: [$€-407] is a currency; colours and conditions, gaps and fillers are no text.
CURRENCY, SILENT = re.compile(r"\[\$([^\]-]*)[^\]]*\]"), re.compile(r"\[[^\]]*\]|[_*].")
AROUND = re.compile(r"([^0#?]*?)[0#?.,]+([^0#?]*)")
FORMULA, NUMBER = rb"(?:<f[^>]*>[^<]*</f>|<f[^>]*/>)?", rb"(-?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?)"
CELL = rb'<c r="([A-Z]{1,3})(\d{1,7})" s="(%b)"(?: t="n")?>' + FORMULA + b"<v>" + NUMBER + b"</v>"
MAX_CODE_CHARACTERS, PIECE_BYTES, MAX_CELL_BYTES = 255, 1 << 20, 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What stands before and after a number; a percentage is shown a hundredfold."""

    before: str
    after: str

    def shown(self, value: float) -> Figure:
        """The number with its unit, to 15 digits."""
        number = f"{abs(value) * (100 if '%' in self.before + self.after else 1):.15g}"
        return Figure(f"{'-' if value < 0 else ''}{self.before}{number}{self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A number with a unit, at its place, both counted from 0."""

    row: int
    column: int
    value: float
    unit: Unit


class Units:
    """Which numbers of a workbook have units. The file may be read by others between two calls, not by two at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._archive = zipfile.ZipFile(file)
        self._members = dict(sheets(self._archive))
        self._units = {str(index): unit for index, unit in enumerate(styles(self._archive)) if unit}
        file.seek(0)

    def added(self, sheet: str, rows: Iterator[list[Any]], first_column: int) -> Iterator[list[Any]]:
        """The sheet's rows from the first on, with such numbers as text; their first cell is in that column."""
        marks = self._marks(sheet)
        mark = next(marks, None)
        for index, row in enumerate(rows):
            while mark is not None and mark.row <= index:
                place = mark.column - first_column
                if mark.row == index and 0 <= place < len(row) and row[place] == mark.value:
                    row[place] = mark.unit.shown(mark.value)
                mark = next(marks, None)
            yield row

    def _marks(self, sheet: str) -> Iterator[Marked]:
        if self._units and sheet in self._members:
            try:
                with self._archive.open(self._members[sheet]) as stream:
                    yield from marked(stream, self._units)
            except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
                return


def styles(archive: zipfile.ZipFile) -> Iterator[Unit | None]:
    """The unit of each style that cells may have, in their order."""
    root = next((read_tree(archive, member) for member in related_members(archive, "styles")), None)
    if root is None:
        return
    formats = {one.get("numFmtId"): one.get("formatCode", "") for one in root.iter("{*}numFmt")}
    for one in root.iterfind("{*}cellXfs/{*}xf"):
        number = one.get("numFmtId")
        yield unit_of(formats.get(number) or PERCENT_FORMATS.get(number, ""))


def unit_of(code: str) -> Unit | None:
    """What a number format adds to a number that is not negative; None if nothing."""
    section = SILENT.sub("", CURRENCY.sub(r"\1", code[:MAX_CODE_CHARACTERS].partition(";")[0]))
    match = AROUND.fullmatch(re.sub(r'["\\]', "", section))
    unit = Unit(before=match[1].lstrip(), after=match[2].rstrip()) if match else None
    return unit if unit and (unit.before + unit.after).strip() else None


def marked(sheet: Any, units: Mapping[str, Unit]) -> Iterator[Marked]:
    """The numbers in a sheet's XML that have one of these styles, row by row, as Excel and its like write them."""
    keys = b"|".join(key.encode() for key in units)
    cell = re.compile(CELL % keys)
    rest = b""
    while piece := sheet.read(PIECE_BYTES):
        text = rest + piece
        end = max(text.rfind(b"</c>"), len(text) - MAX_CELL_BYTES, 0)
        for letters, row, style, value in cell.findall(text[:end]):
            unit = units[style.decode()]
            yield Marked(row=int(row) - 1, column=column_of(letters), value=float(value), unit=unit)
        rest = text[end:]


def column_of(letters: bytes) -> int:
    """A is 0, Z is 25, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
