"""Bytes on the disk: there under their name or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.document import BlobRange
from headrace.model.errors import DiskLow
from headrace.model.ids import BlobKey
from headrace.store.blobs import Blobs
from headrace.store.incoming import TEMPORARY


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def keep(blobs: Blobs, *parts: bytes) -> BlobRange:
    with blobs.create() as writer:
        for part in parts:
            writer.write(part)
        return blobs.settle([writer])[0]


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.folder.rglob("*") if path.is_file()]


def test_what_is_written_is_read_whole_and_in_parts(blobs: Blobs) -> None:
    where = keep(blobs, b"herons ", b"", b"fish")

    assert (where.size, blobs.read(where)) == (11, b"herons fish")
    assert blobs.read(BlobRange(key=where.key, offset=7, size=4)) == b"fish"
    assert [key for key, _ in blobs.finished()] == [where.key]


@given(parts=st.lists(st.binary(max_size=50), max_size=5))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("any"))

    assert blobs.read(keep(blobs, *parts)) == b"".join(parts)


def test_what_is_not_settled_leaves_nothing(blobs: Blobs) -> None:
    with blobs.create() as writer:
        writer.write(b"half a doc")

    assert files(blobs) == []


def test_an_error_on_the_way_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(TypeError), blobs.create() as writer:
        writer.write("no bytes")  # type: ignore[arg-type]

    assert files(blobs) == []


def test_nothing_has_its_name_before_it_is_settled(blobs: Blobs) -> None:
    with blobs.create() as writer:
        writer.write(b"herons")
        assert not blobs.path(writer.key).exists()
        assert list(blobs.finished()) == []
        assert writer.part.read_bytes() == b"herons"


def test_several_blobs_are_settled_in_their_order(blobs: Blobs) -> None:
    with blobs.create() as first, blobs.create() as second:
        second.write(b"two")
        first.write(b"one")
        ranges = blobs.settle([first, second])

    assert [blobs.read(where) for where in ranges] == [b"one", b"two"]


def test_what_has_its_name_and_what_is_still_coming_are_told_apart_with_their_times(blobs: Blobs) -> None:
    kept = keep(blobs, b"herons")
    coming = blobs.path(kept.key).with_name(f"another{TEMPORARY}")
    for path, moment in ((coming, 1_000), (blobs.path(kept.key), 500)):
        path.touch()
        os.utime(path, (moment, moment))

    assert list(blobs.unfinished()) == [(coming, 1_000)]
    assert list(blobs.finished()) == [(kept.key, 500)]


def test_a_blob_is_forgotten_and_forgotten_again(blobs: Blobs) -> None:
    where = keep(blobs, b"herons")

    blobs.delete(where.key)
    blobs.delete(where.key)
    blobs.delete(BlobKey("never-there"))

    assert files(blobs) == []


def test_nothing_is_begun_where_the_disk_is_nearly_full(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, min_free_bytes=1 << 60)

    with pytest.raises(DiskLow) as refused:
        blobs.create()

    assert str(tmp_path) not in refused.value.detail
    assert list(tmp_path.iterdir()) == []


def test_the_folders_are_for_the_owner_alone(blobs: Blobs) -> None:
    where = keep(blobs, b"herons")

    assert {path.stat().st_mode & 0o777 for path in (blobs.folder, blobs.path(where.key).parent)} == {0o700}
