from contextlib import suppress
from pathlib import Path

import httpx

from headrace.client.files import LazyFile, parts
from headrace.client.requests import submit_files


def open_below(folder: Path) -> int:
    """How many files of a folder this process has open; others of its threads may open what they like."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            found += folder in descriptor.readlink().parents
    return found


def test_a_thousand_files_are_sent_with_few_of_them_open(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(1000)]
    for path in paths:
        path.write_text(f"This is {path.name}.")
    with paths[0].open():
        assert open_below(tmp_path) == 1
    most = 0
    request = submit_files(parts(paths), None, {"a": 1}, None)
    built = httpx.Request(
        "POST", "http://server/ingest", **{k: v for k, v in request.options().items() if k in {"data", "files"}}
    )
    body = b""
    assert isinstance(built.stream, httpx.SyncByteStream)
    for piece in built.stream:
        body += piece
        most = max(most, open_below(tmp_path))

    assert most <= 2
    assert int(built.headers["content-length"]) == len(body)
    assert all(f"This is {path.name}.".encode() in body for path in paths)


def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first")
    file = LazyFile(path)
    with path.open("ab") as log:
        log.write(b" second")

    assert file.read() == b"first"
    assert file.read() == b""


def test_every_piece_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"0123456789")
    told: list[int] = []
    file = LazyFile(path, on_read=told.append)

    while file.read(4):
        pass

    assert sum(told) == 10


def test_a_file_can_be_sent_a_second_time(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"0123456789")
    file = LazyFile(path)
    file.read()

    file.seek(2)

    assert file.read() == b"23456789"
