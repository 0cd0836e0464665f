"""Archives (ZIP): their table of contents. What is in them becomes documents of their own, by `members`."""

import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from headrace.pipeline.extract.archive import check_archive
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.source import Limits, Outline

NAME = "archive"
PIECE_BYTES = 1 << 16
# Written by the Finder and by Windows beside what people put in.
CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One line for each member."""
    check_archive(file, limits, NAME)
    with zipfile.ZipFile(file) as archive:
        names = [name_of(member) for member in wanted(archive)]
    count = "1 file" if len(names) == 1 else f"{len(names)} files"
    text = "\n".join([f"Archive of {count}:", *names]) if names else ""
    return Parsed(outline=Outline(), parts=grouped([(text, 1.0)]))


def wanted(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The members that someone meant to send: no folders, nothing hidden, nothing that a system left there."""
    for member in archive.infolist():
        last = member.filename.rstrip("/").rpartition("/")[2]
        is_clutter = member.filename.startswith(CLUTTER) or last in CLUTTER or last.startswith(".")
        if not member.is_dir() and not is_clutter:
            yield member


def name_of(member: zipfile.ZipInfo) -> str:
    """The member's path, for people to read: it is never used as one."""
    return "".join(char if char.isprintable() else "\ufffd" for char in member.filename)


def members(file: BinaryIO, limits: Limits) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each member's path and its bytes, piece by piece; the pieces of one are read before the next member is asked for.

    Raises DocumentError as `check_archive` does. Pieces raise whatever zipfile does for a member that is damaged.
    """
    check_archive(file, limits, NAME)
    with zipfile.ZipFile(file) as archive:
        for member in wanted(archive):
            yield name_of(member), pieces_of(archive, member)


def pieces_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes; no more than it declares."""
    with archive.open(member) as unpacked:
        while piece := unpacked.read(PIECE_BYTES):
            yield piece
