"""A range of an open file, read as if it were a file of its own."""

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Window(io.RawIOBase):
    """`size` bytes from `offset` on. Reads by position, so that several windows can share one descriptor."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._offset, self._size = descriptor, offset, size
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move within the window; beyond its end there is nothing to read."""
        origin = (0, self._position, self._size)[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill as much of the buffer as the window still has."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._size - self._position))
        got = os.preadv(self._descriptor, [view[:wanted]], self._offset + self._position) if wanted else 0
        self._position += got
        return got


def open_window(descriptor: int, offset: int, size: int) -> BinaryIO:
    """A buffered binary file over the range."""
    return cast("BinaryIO", io.BufferedReader(Window(descriptor, offset, size), 65_536))


def size_of(file: BinaryIO) -> int:
    """The size in bytes; leaves the file at its beginning."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size
