"""The bytes of documents in a bucket of an S3-compatible object store, so that servers and workers need no common disk.

What comes in is first a file of this machine's: its type is to be seen before it is accepted. It is uploaded before
anybody is told that it is there; large ones in parts, of which the store shows nothing before the last has come. Parts
of an upload that was cut off are the bucket's to forget, by a lifecycle rule.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from headrace.model.document import BlobRange
from headrace.model.errors import Busy
from headrace.model.ids import BlobKey, new_id
from headrace.store import incoming
from headrace.store.incoming import TEMPORARY, Part

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4
PATIENCE = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class S3Blobs:
    """A `BlobStore` over `s3://bucket/prefix`; `folder` takes what is coming in or being read.

    `endpoint` is the URL of a store that is not Amazon's. Keys and region are the usual variables, `AWS_ACCESS_KEY_ID`
    and so on.
    """

    def __init__(self, url: str, folder: Path, *, endpoint: str | None = None, min_free_bytes: int = 0) -> None:
        self.folder = folder
        self.min_free_bytes = min_free_bytes
        self._store = _connect(url, endpoint)

    def create(self) -> "S3Writer":  # noqa: D102
        self.check_space()
        return S3Writer(self, BlobKey(new_id()))

    def settle(self, writers: Sequence["S3Writer"]) -> list[BlobRange]:  # noqa: D102
        return [writer.settle() for writer in writers]

    def check_space(self) -> None:  # noqa: D102
        incoming.check_space(self.folder, self.min_free_bytes)

    def upload(self, key: BlobKey, file: Path) -> None:
        """Put a file under a key. When this returns the store has all of it."""
        import obstore

        with _translated():
            obstore.put(self._store, _name(key), file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def read(self, where: BlobRange) -> bytes:  # noqa: D102
        import obstore

        if not where.size:
            return b""
        with _translated():
            return bytes(obstore.get_range(self._store, _name(where.key), start=where.offset, length=where.size))

    @contextmanager
    def as_file(self, where: BlobRange) -> Iterator[tuple[Path, int]]:  # noqa: D102
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile(dir=self.folder, suffix=TEMPORARY) as file:
            for offset in range(0, where.size, PART_BYTES):
                size = min(PART_BYTES, where.size - offset)
                file.write(self.read(BlobRange(key=where.key, offset=where.offset + offset, size=size)))
            file.flush()
            yield Path(file.name), 0

    def delete(self, key: BlobKey) -> None:  # noqa: D102
        import obstore

        with _translated():
            obstore.delete(self._store, _name(key))

    def has(self, key: BlobKey) -> bool:  # noqa: D102
        import obstore

        with _translated():
            try:
                obstore.head(self._store, _name(key))
            except FileNotFoundError:
                return False
        return True

    def finished(self) -> Iterator[tuple[BlobKey, float]]:  # noqa: D102
        import obstore

        with _translated():
            for page in obstore.list(self._store):
                for found in page:
                    yield BlobKey(found["path"].rpartition("/")[2]), found["last_modified"].timestamp()

    def unfinished(self) -> Iterator[tuple[Path, float]]:  # noqa: D102
        return incoming.written(self.folder.glob(f"*{TEMPORARY}"))


class S3Writer(Part):
    """A blob on its way, in a file of this machine."""

    def __init__(self, blobs: S3Blobs, key: BlobKey) -> None:
        super().__init__(key, blobs.folder / f"{key}{TEMPORARY}")
        self._blobs = blobs

    def settle(self) -> BlobRange:
        """Upload it."""
        self.seal()
        self._blobs.upload(self.key, self._part)
        return BlobRange(key=self.key, size=self.size)


def _name(key: BlobKey) -> str:
    return f"{key[-2:]}/{key}"


def _connect(url: str, endpoint: str | None) -> Any:
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise ValueError("HEADRACE_BLOBS_URL needs the package obstore: pip install 'headrace[s3]'") from error
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    options: dict[str, Any] = {"retry_config": PATIENCE}
    if endpoint is not None:
        options |= {"endpoint": endpoint, "client_options": {"allow_http": endpoint.startswith("http://")}}
    return S3Store(bucket, prefix=prefix.strip("/") or None, **options)


@contextmanager
def _translated() -> Iterator[None]:
    """What is not there is a missing file; any other trouble with the store may pass."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise
    except BaseError as error:
        raise Busy("the store of the documents' bytes cannot be reached now; try again") from error
