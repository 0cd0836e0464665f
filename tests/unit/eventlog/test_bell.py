"""The bell of a SQLite database: rung after commits, heard by whoever listens, never in anybody's way."""

import os
import socket
from pathlib import Path

import pytest

from headrace.store.bell import LONGEST_HINT_BYTES, SHORT_FOLDER_BYTES, Bell, listen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "headrace.db-bells"


def start_listening(folder: Path) -> tuple[socket.socket, Path]:
    listening = listen(folder)
    assert listening is not None
    return listening


def test_every_listener_hears_the_name(folder: Path) -> None:
    listeners = [start_listening(folder)[0] for _ in range(3)]
    bell = Bell(folder)

    bell.ring("alice")

    assert [listener.recv(LONGEST_HINT_BYTES) for listener in listeners] == [b"alice"] * 3
    bell.close()
    for listener in listeners:
        listener.close()


def test_a_dead_listener_is_cleared_away_and_the_living_one_still_hears(folder: Path) -> None:
    dead, dead_path = start_listening(folder)
    living, living_path = start_listening(folder)
    dead.close()  # as a killed process: its name stays in the folder
    bell = Bell(folder)

    bell.ring("alice")

    assert living.recv(LONGEST_HINT_BYTES) == b"alice"
    assert sorted(folder.iterdir()) == [living_path]
    assert not dead_path.exists()
    bell.close()
    living.close()


def test_a_folder_with_a_long_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / ("deeper" * 30) / "bells"
    assert len(os.fsencode(folder)) > 107 > SHORT_FOLDER_BYTES
    listener, path = start_listening(folder)
    bell = Bell(folder)

    bell.ring("alice")

    assert listener.recv(LONGEST_HINT_BYTES) == b"alice"
    assert path.parent == folder
    bell.close()
    listener.close()


def test_a_listener_that_never_reads_does_not_block_the_writer(folder: Path) -> None:
    listener, path = start_listening(folder)
    bell = Bell(folder)

    for _ in range(20_000):  # more than any socket's buffer holds
        bell.ring("x" * 100)

    assert listener.recv(LONGEST_HINT_BYTES) == b"x" * 100
    assert path.exists()
    bell.close()
    listener.close()


def test_ringing_where_nobody_ever_listened_does_nothing(folder: Path) -> None:
    bell = Bell(folder)

    bell.ring("alice")

    assert not folder.exists()
    bell.close()
