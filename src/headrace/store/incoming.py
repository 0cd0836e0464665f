"""What all blob stores have in common: bytes come into a file of this machine first, if its disk has room."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.model.errors import DiskLow
from headrace.model.ids import BlobKey

TEMPORARY = ".part"


class Part:
    """A blob's bytes while they come; the file is removed when the block is left, unless it was given another name."""

    def __init__(self, key: BlobKey, file: Path) -> None:
        self.key = key
        self.size = 0
        self._part = file
        self._file = file.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    @property
    def part(self) -> Path:
        """The file while it is being written, for looking at what came so far."""
        self._file.flush()
        return self._part

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self.size += len(data)

    def seal(self) -> None:
        """All bytes are written: let go of the file."""
        self._file.close()


def check_space(folder: Path, min_free_bytes: int) -> None:
    """Refuse to write where the disk is nearly full; the folder is made where there is none.

    Raises:
        DiskLow: less is free than the operator wants to keep.
    """
    make_folder(folder)
    free = shutil.disk_usage(folder).free
    if free < min_free_bytes:
        raise DiskLow(f"only {free // 1_000_000} MB of disk are free; nothing was stored")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that they outlive a loss of power; nothing if it is there."""
    if folder.exists():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def written(files: Iterable[Path]) -> Iterator[tuple[Path, float]]:
    """Those that are still there and when each was last written to, in seconds since the epoch."""
    for file in files:
        with suppress(FileNotFoundError):
            yield file, file.stat().st_mtime
