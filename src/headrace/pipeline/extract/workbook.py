"""Workbooks by calamine (XLSX, XLS, ODS): a sheet is a heading, and each of its rows explains itself, as in a table."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import chain, repeat
from typing import Any, BinaryIO

from docx.opc.coreprops import CoreProperties
from docx.oxml.parser import parse_xml
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from headrace.pipeline.extract.archive import OLE_MARK, check_archive, damaged, locked
from headrace.pipeline.extract.dialect import transitional
from headrace.pipeline.extract.office import metadata_of, title_of
from headrace.pipeline.extract.parts import Parsed, Part, grouped
from headrace.pipeline.extract.remarks import remarks_of
from headrace.pipeline.extract.table import records_of
from headrace.pipeline.extract.units import Units
from headrace.pipeline.source import Limits, Outline

NAME = "workbook"
CORE = "docProps/core.xml"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# Globals substream, MS-XLS 2.1.7.20.3: BOF, then WriteProtect and FilePass where there are such.
FILE_PASS = re.compile(rb"\x09\x08\x10\x00\x00\x06\x05\x00.{12}(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One sheet is in memory at a time. Values are those that were last computed; formulas are not."""
    outline, remarks, units = Outline(), dict[str, list[str]](), None
    if is_old(file):
        refuse_locked(file)
    else:
        check_archive(file, limits, NAME)
        file = transitional(file, NAME)
        outline, remarks, units = outline_of(file), remarks_of(file), Units(file)
    try:
        workbook = CalamineWorkbook.from_filelike(file)
    except PasswordError as error:
        raise locked(NAME) from error
    except CalamineError as error:
        raise damaged(NAME) from error
    warnings: list[str] = []
    return Parsed(outline=outline, parts=read_parts(workbook, units, remarks, warnings), warnings=warnings)


def is_old(file: BinaryIO) -> bool:
    """Whether it is in the format before 2007, or an encrypted one in its wrapping."""
    mark = file.read(len(OLE_MARK))
    file.seek(0)
    return mark == OLE_MARK


def refuse_locked(file: BinaryIO) -> None:
    """Raise DocumentError `encrypted` for an old workbook with a password, or a wrapping around a newer one.

    Calamine says of both that it cannot tell their format.
    """
    content = file.read()
    file.seek(0)
    if ENCRYPTED in content or FILE_PASS.search(content):
        raise locked(NAME)


def outline_of(file: BinaryIO) -> Outline:
    """What the core properties say, if there are any that can be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            properties = CoreProperties(parse_xml(archive.read(CORE)))
        return Outline(title=title_of(properties), metadata=metadata_of(properties))
    except (KeyError, ValueError, SyntaxError, TypeError, AttributeError, zipfile.BadZipFile):
        return Outline()
    finally:
        file.seek(0)


def read_parts(
    workbook: CalamineWorkbook, units: Units | None, remarks: Mapping[str, list[str]], warnings: list[str]
) -> Iterator[Part]:
    """Sheets in their order, hidden ones included, each before the remarks on it.

    A sheet that cannot be read is left out, and said.
    """
    names = workbook.sheet_names
    for index, name in enumerate(names):
        try:
            sheet = workbook.get_sheet_by_name(name)
        except CalamineError:
            warnings.append(f"the sheet {name[:100]!r} is damaged and was left out")
            continue
        rows = sheet.iter_rows()
        if units is not None and sheet.start is not None:
            rows = units.added(name, rows, first_column=sheet.start[1])
        records = records_of([shown(cell) for cell in row] for row in rows)
        texts = chain(records, remarks.get(name, ()))
        yield from grouped(zip(texts, repeat((index + 1) / len(names)), strict=False), name)


def shown(cell: Any) -> str:
    """A value as one would write it: numbers to 15 digits, instants as ISO 8601, lengths of time as hours."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{cell:.15g}"
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
