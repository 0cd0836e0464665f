"""What is written past a server is what that server would have written."""

import io
from types import SimpleNamespace

import pytest
from websockets.frames import Frame, Opcode

from headrace.eventlog.framing import Prepared
from headrace.transports.direct import chunk, pusher, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_text_frame_is_that_of_the_protocol(size: int) -> None:
    text = b"x" * size

    assert text_frame(text) == Frame(Opcode.TEXT, text).serialize(mask=False)


@pytest.mark.parametrize("size", [1, 15, 16, 70_000])
def test_a_chunk_says_how_long_it_is(size: int) -> None:
    lines = io.BytesIO(chunk(b"x" * size))

    assert int(lines.readline(), 16) == size
    assert lines.read() == b"x" * size + b"\r\n"


def cycle(**other: object) -> object:
    """What uvicorn's httptools server sends with, as far as it is looked at."""
    written: list[bytes] = []
    parts = {
        "flow": SimpleNamespace(write_paused=False), "transport": SimpleNamespace(write=written.append),
        "disconnected": False, "response_complete": False, "chunked_encoding": True, "written": written,
    }  # fmt: skip
    kind = type("RequestResponseCycle", (), {"__module__": "uvicorn.protocols.http.httptools_impl"})
    made = kind()
    vars(made).update(parts | other)
    return made


MESSAGE = Prepared({"type": "http.response.body", "body": b"hello", "more_body": True}, chunk(b"hello"))


def test_a_message_is_written_at_once_where_there_is_room() -> None:
    server = cycle()
    push = pusher(server)

    assert push is not None
    assert push(MESSAGE)
    assert server.written == [b"5\r\nhello\r\n"]


@pytest.mark.parametrize(
    "other",
    [{"flow": SimpleNamespace(write_paused=True)}, {"disconnected": True}, {"response_complete": True}],
)
def test_a_message_takes_the_usual_way_where_there_is_none(other: dict[str, object]) -> None:
    server = cycle(**other)
    push = pusher(server)

    assert push is not None
    assert not push(MESSAGE)
    assert server.written == []


def test_a_message_without_its_bytes_takes_the_usual_way() -> None:
    push = pusher(cycle())

    assert push is not None
    assert not push({"type": "http.response.body", "body": b"", "more_body": False})


def test_a_server_that_is_not_known_or_has_changed_is_sent_to_as_any_other() -> None:
    changed = cycle()
    del changed.flow

    assert pusher(object()) is None
    assert pusher(changed) is None
    assert pusher(cycle(chunked_encoding=False)) is None
