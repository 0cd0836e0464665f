"""What every store of documents' bytes promises: in a folder, and in an object store over its real protocol."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.model.document import BlobRange
from headrace.model.errors import Busy, DiskLow
from headrace.model.ids import BlobKey
from headrace.settings import Settings
from headrace.store.blobs import BlobStore, open_blobs
from headrace.store.blobs_s3 import PART_BYTES
from tests import services

LARGE = 3 * PART_BYTES + 5


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with services.s3() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in services.S3_KEYS.items():
            patch.setenv(name, value)
        yield url


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return open_blobs(Settings(data_dir=tmp_path))
    url = f"s3://{services.S3_BUCKET}/{tmp_path.name}"
    endpoint = request.getfixturevalue("s3_url")
    return open_blobs(Settings(data_dir=tmp_path, blobs_url=url, blobs_endpoint=endpoint))


def keep(blobs: BlobStore, *parts: bytes) -> BlobRange:
    with blobs.create() as writer:
        for part in parts:
            writer.write(part)
        return blobs.settle([writer])[0]


def keys(blobs: BlobStore) -> list[BlobKey]:
    return [key for key, _ in blobs.finished()]


def test_what_is_kept_is_read_whole_and_in_parts(blobs: BlobStore) -> None:
    where = keep(blobs, b"herons ", b"", b"fish")

    assert (where.size, blobs.read(where)) == (11, b"herons fish")
    assert blobs.read(BlobRange(key=where.key, offset=7, size=4)) == b"fish"
    assert keys(blobs) == [where.key]
    assert blobs.has(where.key)
    assert not blobs.has(BlobKey("never-there"))
    with blobs.as_file(BlobRange(key=where.key, offset=7, size=4)) as (file, offset):
        assert file.read_bytes()[offset : offset + 4] == b"fish"


def test_nothing_at_all_is_kept_too(blobs: BlobStore) -> None:
    assert blobs.read(keep(blobs)) == b""


def test_what_goes_up_in_several_parts_comes_back_to_the_byte(blobs: BlobStore) -> None:
    data = os.urandom(LARGE)

    where = keep(blobs, data[:1000], data[1000:])

    assert blobs.read(where) == data
    with blobs.as_file(where) as (file, offset):
        assert file.read_bytes()[offset:] == data


def test_nothing_is_there_before_it_is_settled_and_nothing_is_left_of_what_never_is(blobs: BlobStore) -> None:
    with blobs.create() as writer:
        writer.write(b"half a doc")
        assert writer.part.read_bytes() == b"half a doc"
        assert keys(blobs) == []

    assert keys(blobs) == []
    assert [path for path in blobs.folder.rglob("*") if path.is_file()] == []


def test_several_blobs_are_settled_in_their_order(blobs: BlobStore) -> None:
    with blobs.create() as first, blobs.create() as second:
        second.write(b"two")
        first.write(b"one")
        ranges = blobs.settle([first, second])

    assert [blobs.read(where) for where in ranges] == [b"one", b"two"]


def test_a_blob_is_forgotten_and_forgotten_again(blobs: BlobStore) -> None:
    where = keep(blobs, b"herons")

    blobs.delete(where.key)
    blobs.delete(where.key)

    assert keys(blobs) == []
    with pytest.raises(FileNotFoundError):
        blobs.read(where)


def test_a_file_is_copied_under_its_key(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"herons")

    blobs.upload(BlobKey("a-key-of-before"), tmp_path / "file")

    assert blobs.read(BlobRange(key=BlobKey("a-key-of-before"), size=6)) == b"herons"


def test_finished_blobs_say_when_they_were_written(blobs: BlobStore) -> None:
    keep(blobs, b"herons")

    ((_, written_at),) = list(blobs.finished())

    assert abs(written_at - time.time()) < 60


def test_what_never_finished_says_when_it_was_last_written_to(blobs: BlobStore) -> None:
    with blobs.create() as writer:
        part = writer.part
        os.utime(part, (1_000, 1_000))

        assert list(blobs.unfinished()) == [(part, 1_000)]
        writer.write(b"more")
        assert writer.part == part  # which has it on the disk
        ((_, written_at),) = blobs.unfinished()
        assert abs(written_at - time.time()) < 60
    assert list(blobs.unfinished()) == []


def test_nothing_is_begun_where_the_disk_is_nearly_full(blobs: BlobStore) -> None:
    blobs.min_free_bytes = 1 << 60  # type: ignore[attr-defined]

    with pytest.raises(DiskLow):
        blobs.create()


def test_an_object_store_that_does_not_answer_is_busy(
    tmp_path: Path, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.store import blobs_s3

    monkeypatch.setattr(blobs_s3, "PATIENCE", {"max_retries": 0})
    away = f"http://127.0.0.1:{services.free_port()}"
    blobs = open_blobs(Settings(data_dir=tmp_path, blobs_url="s3://headrace/x", blobs_endpoint=away))

    with blobs.create() as writer:
        writer.write(b"herons")
        with pytest.raises(Busy):
            blobs.settle([writer])

    assert list(blobs.folder.iterdir()) == []
