"""Files on their way to the server: read piece by piece, and only a few of them open at a time."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from headrace.client.requests import Part


class LazyFile:
    """A file that is opened when first read and closed at its end, so that a thousand can be sent in one request.

    Not more is read than its size was at the beginning: a log that grows meanwhile is sent as it was. `on_read` is told
    the bytes of every piece.
    """

    def __init__(self, path: Path, name: str | None = None, on_read: Callable[[int], None] | None = None) -> None:
        self.path = path
        self.name = name or path.name
        self.size = path.stat().st_size
        self._on_read = on_read
        self._file: BinaryIO | None = None
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """The next piece; nothing at the end."""
        if self._file is None:
            self._file = self.path.open("rb")
            self._file.seek(self._position)
        remaining = self.size - self._position
        piece = self._file.read(remaining if size < 0 else min(size, remaining))
        self._position += len(piece)
        if not piece or self._position >= self.size:
            self.close()
        if self._on_read:
            self._on_read(len(piece))
        return piece

    def tell(self) -> int:
        """The offset of the next piece."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as a file does, without opening it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        self.close()
        return self._position

    def close(self) -> None:
        """Give the descriptor back; a later read opens it again."""
        if self._file:
            self._file.close()
            self._file = None


Sendable: TypeAlias = Path | str | LazyFile | tuple[str, BinaryIO | bytes]
"""A path, or `(filename, binary file or bytes)`."""


def parts(files: Iterable[Sendable]) -> list[Part]:
    """What httpx sends as the `file` fields of one multipart body."""
    return [_part(file) for file in files]


def _part(file: Sendable) -> Part:
    if isinstance(file, tuple):
        return "file", file
    lazy = file if isinstance(file, LazyFile) else LazyFile(Path(file))
    return "file", (lazy.name, lazy)
