import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.client.sse import EventStream, Message

TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
DATA = st.lists(TEXT, min_size=1, max_size=3).map("\n".join)
LINE_END = st.sampled_from(["\n", "\r", "\r\n"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Message]]:
    """A stream as a server may write it, and the messages in it."""
    messages, last_id = [], None
    text = draw(st.sampled_from(["", "\ufeff"]))
    for _ in range(draw(st.integers(0, 5))):
        end = draw(LINE_END)
        last_id = draw(st.one_of(st.just(last_id), TEXT.filter(bool)))
        data = draw(DATA)
        lines = [f"id: {last_id}"] if last_id is not None else []
        lines += [f"data: {line}" for line in data.split("\n")] + [
            draw(st.sampled_from(["retry: 100", "unknown: 1", "x"]))
        ]
        text += "".join(f"{line}{end}" for line in lines) + end
        messages.append(Message(data=data, id=last_id))
    return text.encode(), messages


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(streams(), st.lists(st.integers(0, 10_000), max_size=30))
def test_the_messages_are_the_same_however_the_bytes_are_cut(
    stream: tuple[bytes, list[Message]], places: list[int]
) -> None:
    data, expected = stream
    parser = EventStream()

    found = [message for piece in cut(data, places) for message in parser.feed(piece)]

    assert found == expected


@given(streams())
def test_byte_by_byte_gives_the_same_messages(stream: tuple[bytes, list[Message]]) -> None:
    data, expected = stream
    parser = EventStream()

    found = [message for byte in data for message in parser.feed(bytes([byte]))]

    assert found == expected


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_no_bytes_break_the_parser(data: bytes, places: list[int]) -> None:
    parser = EventStream()

    found = [message for piece in cut(data, places) for message in parser.feed(piece)]

    assert len(found) <= len(re.findall(rb"[\r\n]", data))


def test_a_comment_is_a_sign_of_life_without_data() -> None:
    assert EventStream().feed(b":\n\n") == [Message(data=None)]


def test_an_unfinished_message_is_not_delivered() -> None:
    assert EventStream().feed(b"data: half\n") == []


def test_the_id_stays_until_another_comes() -> None:
    first, second = EventStream().feed(b"id: e-1\ndata: a\n\ndata: b\n\n")

    assert (first.id, second.id) == ("e-1", "e-1")


def test_the_servers_retry_time_is_kept_in_seconds() -> None:
    parser = EventStream()

    parser.feed(b"retry: 2500\nretry: soon\n\n")

    assert parser.retry_seconds == 2.5
