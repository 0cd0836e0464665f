"""What is written past a server is what that server would have written."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from headrace.eventlog.framing import push_all
from headrace.transports.direct import chunk, lane, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_text_frame_is_that_of_the_protocol(size: int) -> None:
    text = b"x" * size

    assert text_frame(text) == Frame(Opcode.TEXT, text).serialize(mask=False)


@pytest.mark.parametrize("size", [1, 15, 16, 70_000])
def test_a_chunk_says_how_long_it_is(size: int) -> None:
    lines = io.BytesIO(chunk(b"x" * size))

    assert int(lines.readline(), 16) == size
    assert lines.read() == b"x" * size + b"\r\n"


def cycle(**other: object) -> Any:
    """What uvicorn's httptools server sends with, as far as it is looked at."""
    written: list[bytes] = []
    parts = {
        "flow": SimpleNamespace(write_paused=False),
        "transport": SimpleNamespace(write=written.append),
        "chunked_encoding": True,
        "written": written,
    }
    return server_of("uvicorn.protocols.http.httptools_impl", parts | other)


def websocket(*, close_sent: bool = False, disconnected: bool = False, is_set: bool = True) -> Any:
    """What uvicorn's WebSocket server sends with, as far as it is looked at."""
    written: list[bytes] = []
    parts = {
        "writable": SimpleNamespace(is_set=lambda: is_set),
        "transport": SimpleNamespace(write=written.append),
        "close_sent": close_sent,
        "disconnected": disconnected,
        "written": written,
    }
    return server_of("uvicorn.protocols.websockets.websockets_sansio_impl", parts)


def server_of(module: str, parts: dict[str, object]) -> Any:
    made = type("Server", (), {"__module__": module})()
    vars(made).update(parts)
    return made


WIRE = chunk(b"hello")


def test_bytes_are_written_at_once_where_there_is_room() -> None:
    server = cycle()
    found = lane(server)

    assert found is not None
    assert found.has_room()
    assert push_all([found], WIRE, ask=True) == {}
    assert server.written == [b"5\r\nhello\r\n"]


def test_bytes_are_not_written_where_there_is_none() -> None:
    server = cycle(flow=SimpleNamespace(write_paused=True))
    found = lane(server)

    assert found is not None
    assert not found.has_room()
    assert push_all([found], WIRE, ask=True) == {0: None}
    assert server.written == []


@pytest.mark.parametrize("other", [{"close_sent": True}, {"disconnected": True}, {"is_set": False}])
def test_a_websocket_that_is_closed_or_full_is_not_written_to(other: dict[str, bool]) -> None:
    full, closed, fine = websocket(**other), websocket(close_sent=True), websocket()
    lanes = [found for found in map(lane, (full, fine, closed)) if found is not None]

    assert [found.has_room() for found in lanes] == [False, True, False]
    assert push_all(lanes, WIRE, ask=True) == {0: None, 2: None}
    assert (full.written, fine.written) == ([], [WIRE])


def test_of_many_those_who_took_nothing_are_told_with_the_reason() -> None:
    gone = RuntimeError("the handler is closed")

    def fail(_wire: bytes) -> None:
        raise gone

    servers = [
        cycle(),
        cycle(flow=SimpleNamespace(write_paused=True)),
        cycle(transport=SimpleNamespace(write=fail)),
        cycle(),
    ]
    lanes = [found for found in map(lane, servers) if found is not None]

    assert push_all(lanes, WIRE, ask=True) == {1: None, 2: gone}
    assert [server.written for server in servers] == [[WIRE], [], [], [WIRE]]


def test_a_server_that_is_not_known_or_has_changed_is_sent_to_as_any_other() -> None:
    changed = cycle()
    del changed.flow

    assert lane(object()) is None
    assert lane(changed) is None
    assert lane(cycle(chunked_encoding=False)) is None


def test_those_who_are_not_asked_for_room_are_written_to() -> None:
    full = cycle(flow=SimpleNamespace(write_paused=True))
    lanes = [found for found in [lane(full)] if found is not None]

    assert push_all(lanes, WIRE, ask=False) == {}
    assert full.written == [WIRE]
