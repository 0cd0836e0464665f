"""The bytes of documents under random names, durable before anybody is told that they are there.

`Blobs` keeps them in a folder, which all servers and workers must see; `blobs_s3.py` in an object store.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from headrace.model.document import BlobRange
from headrace.model.ids import BlobKey, new_id
from headrace.settings import Settings
from headrace.store import incoming
from headrace.store.incoming import TEMPORARY, Part

COPY_BYTES = 1 << 20


class Writer(Protocol):
    """One blob being written. Hand it to `settle` before the block is left, or what was written is removed."""

    key: BlobKey
    size: int

    def __enter__(self) -> "Writer": ...

    def __exit__(self, *error: Any) -> None: ...

    @property
    def part(self) -> Path:
        """The file while it is being written, for looking at what came so far."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def seal(self) -> None:
        """All bytes are written: let go of the file."""


class BlobStore(Protocol):
    """Where the bytes of documents are kept.

    Raises:
        Busy: the store cannot be reached now.
    """

    folder: Path

    def create(self) -> Any:
        """A `Writer` of a new blob.

        Raises:
            DiskLow: less is free than the operator wants to keep.
        """

    def settle(self, writers: Sequence[Any]) -> list[BlobRange]:
        """Make what was written durable, in the order of the writers."""

    def check_space(self) -> None:
        """Refuse to write where the disk is nearly full."""

    def upload(self, key: BlobKey, file: Path) -> None:
        """Keep a copy of a file under a key, durably."""

    def read(self, where: BlobRange) -> bytes:
        """The bytes of one document.

        Raises:
            FileNotFoundError: they are gone.
        """

    def as_file(self, where: BlobRange) -> AbstractContextManager[tuple[Path, int]]:
        """A file of this machine in which a document's bytes begin at an offset, while the block lasts."""

    def delete(self, key: BlobKey) -> None:
        """Forget a blob; one that is gone already is no error."""

    def has(self, key: BlobKey) -> bool:
        """Whether a blob is there."""

    def finished(self) -> Iterator[tuple[BlobKey, float]]:
        """Every finished blob and the time of its writing, in seconds since the epoch."""

    def unfinished(self) -> Iterator[tuple[Path, float]]:
        """What is still coming in, or is left of what never finished, and when it was last written to (epoch)."""


def open_blobs(settings: Settings, *, min_free_bytes: int = 0) -> BlobStore:
    """The store that the settings name."""
    folder = settings.data_dir / "blobs"
    if settings.blobs_url is None:
        return Blobs(folder, min_free_bytes=min_free_bytes)
    from headrace.store.blobs_s3 import S3Blobs  # its library is an extra

    coming = settings.data_dir / "uploads"
    return S3Blobs(settings.blobs_url, coming, endpoint=settings.blobs_endpoint, min_free_bytes=min_free_bytes)


class Blobs:
    """Keeps blobs in `folder`, spread over its subfolders by the last two characters of their keys."""

    def __init__(self, folder: Path, *, min_free_bytes: int = 0) -> None:
        self.folder = folder
        self.min_free_bytes = min_free_bytes

    def path(self, key: BlobKey) -> Path:
        """Where a blob lies."""
        return self.folder / key[-2:] / key

    def create(self) -> "BlobWriter":
        """Start a new blob.

        Raises:
            DiskLow: less is free than the operator wants to keep.
        """
        self.check_space()
        key = BlobKey(new_id())
        return BlobWriter(key, self._place(key))

    def _place(self, key: BlobKey) -> Path:
        incoming.make_folder(self.path(key).parent)
        return self.path(key)

    def settle(self, writers: Sequence["BlobWriter"]) -> list[BlobRange]:
        """Make what was written durable: each file, its name, and then each folder once."""
        ranges = [writer.settle() for writer in writers]
        for folder in {self.path(where.key).parent for where in ranges}:
            incoming.sync_folder(folder)
        return ranges

    def check_space(self) -> None:
        """Refuse to write where the disk is nearly full."""
        incoming.check_space(self.folder, self.min_free_bytes)

    def upload(self, key: BlobKey, file: Path) -> None:
        """Keep a copy of a file under a key, durably."""
        with BlobWriter(key, self._place(key)) as writer, file.open("rb") as source:
            while data := source.read(COPY_BYTES):
                writer.write(data)
            self.settle([writer])

    def read(self, where: BlobRange) -> bytes:
        """The bytes of one document."""
        with self.path(where.key).open("rb") as file:
            file.seek(where.offset)
            return file.read(where.size)

    @contextmanager
    def as_file(self, where: BlobRange) -> Iterator[tuple[Path, int]]:
        """The blob itself."""
        yield self.path(where.key), where.offset

    def has(self, key: BlobKey) -> bool:
        """Whether a blob is there."""
        return self.path(key).is_file()

    def delete(self, key: BlobKey) -> None:
        """Forget a blob; one that is gone already is no error."""
        self.path(key).unlink(missing_ok=True)

    def finished(self) -> Iterator[tuple[BlobKey, float]]:
        """Every finished blob and the time of its writing, in seconds since the epoch."""
        named = (file for file in self.folder.glob("??/*") if file.suffix != TEMPORARY)
        for file, written_at in incoming.written(named):
            yield BlobKey(file.name), written_at

    def unfinished(self) -> Iterator[tuple[Path, float]]:
        """What is still coming in, or is left of what never finished, and when it was last written to (epoch)."""
        return incoming.written(self.folder.glob(f"??/*{TEMPORARY}"))


class BlobWriter(Part):
    """One blob being written. Hand it to `Blobs.settle` before the block is left, or what was written is removed."""

    def __init__(self, key: BlobKey, path: Path) -> None:
        super().__init__(key, path.with_name(f"{path.name}{TEMPORARY}"))
        self._path = path

    def seal(self) -> None:
        """All bytes are written: put them on the disk and let go of the file."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def settle(self) -> BlobRange:
        """Give the bytes their name. Durable only once `Blobs.settle` has synced the folder."""
        self.seal()
        self._part.rename(self._path)
        return BlobRange(key=self.key, size=self.size)
