"""A form is received as it was sent, whatever pieces it comes in; one that goes too far is not read to its end."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.model.errors import HeadraceError, InvalidField, MalformedBody, TooLarge, UnsupportedType
from headrace.pipeline.sniff import UNREADABLE
from headrace.server.multipart import WRITE_BYTES, Form, Receiver
from headrace.service import Intake
from headrace.settings import Settings
from headrace.store.blobs import Blobs
from tests.unit.server.forms import BOUNDARY, Part, Sent, encoded, pieces

LIMIT = 200_000


@contextmanager
def receiving() -> Iterator[tuple[Receiver, Intake, Path]]:
    """A receiver with its own folder, which must be empty when the block is left without a settlement."""
    with tempfile.TemporaryDirectory() as folder:
        blobs = Blobs(Path(folder) / "blobs")
        limits = Settings(data_dir=Path(folder), max_file_bytes=LIMIT, max_request_files=3, min_free_disk_bytes=0)
        with Intake(blobs, limits) as intake:
            yield Receiver(intake, limits), intake, blobs.folder


def receive(sent: Sent) -> tuple[Form, list[tuple[str, bytes]]]:
    """The fields, and each file with its content."""
    with receiving() as (receiver, intake, folder):
        form = asyncio.run(receiver.receive(sent.request))
        arrived = intake.settle()
        return form, [(one.filename, Blobs(folder).read(one.blob)) for one in arrived]


def refusal_of(sent: Sent) -> HeadraceError:
    """Why a form is refused; nothing of it is left on the disk."""
    with receiving() as (receiver, intake, folder):
        with pytest.raises(HeadraceError) as refused:
            asyncio.run(receiver.receive(sent.request))
        intake.__exit__(None, None, None)
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    return refused.value


letters = st.characters(codec="utf-8", exclude_characters="\0")
fields = st.dictionaries(st.sampled_from(["text_content", "metadata", "sync", "x"]), st.text(letters), max_size=3)
contents = st.one_of(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=200).map(str.encode),
    st.sampled_from([b"\r\n--a-boundar", b"--a-boundary", b"x\r\n--", b"\r\n\r\n", b"-" * 100, b"text\r\n"]),
)


@settings(max_examples=60, deadline=None)
@given(
    sent_fields=fields,
    files=st.lists(contents, max_size=3),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_a_form_is_the_same_whatever_pieces_it_comes_in(
    sent_fields: dict[str, str], files: list[bytes], cuts: list[int]
) -> None:
    parts: list[Part] = [(name, None, value.encode()) for name, value in sent_fields.items()]
    parts += [("file", f"{number}.txt", content) for number, content in enumerate(files)]

    form, arrived = receive(Sent(pieces(encoded(parts), cuts)))

    assert form.fields == sent_fields
    assert form.file_count == len(files)
    assert arrived == [(f"{number}.txt", content) for number, content in enumerate(files)]


def test_a_form_may_come_byte_by_byte() -> None:
    body = encoded([("metadata", None, b'{"a": 1}'), ("file", "a.txt", b"herons\r\nfish")])

    form, arrived = receive(Sent([bytes([byte]) for byte in body]))

    assert (form.fields, arrived) == ({"metadata": '{"a": 1}'}, [("a.txt", b"herons\r\nfish")])


def test_the_name_of_a_file_may_be_in_any_script() -> None:
    _, arrived = receive(Sent([encoded([("file", "Grüße из 東京.txt", b"text")])]))

    assert arrived[0][0] == "Grüße из 東京.txt"


def test_an_urlencoded_form_is_read_too() -> None:
    sent = Sent([b"text_content=a+weir%21&meta", b"data=%7B%7D&sync="], b"application/x-www-form-urlencoded")

    form, arrived = receive(sent)

    assert (form.fields, arrived) == ({"text_content": "a weir!", "metadata": "{}", "sync": ""}, [])


def test_a_file_that_is_too_large_is_refused_before_the_rest_is_read() -> None:
    many = [b"x" * 65_536] * 200
    sent = Sent([encoded([("file", "a.txt", b"")], is_whole=False)[:-2], *many])

    refused = refusal_of(sent)

    assert isinstance(refused, TooLarge)
    assert "a.txt" in refused.detail
    assert sent.taken <= 2 + WRITE_BYTES // 65_536


def test_a_field_that_is_too_large_is_refused_before_the_rest_is_read() -> None:
    many = [b"x" * 65_536] * 200
    sent = Sent([encoded([("text_content", None, b"")], is_whole=False)[:-2], *many])

    refused = refusal_of(sent)

    assert isinstance(refused, TooLarge)
    assert "text_content" in refused.detail
    assert sent.taken <= 2 + LIMIT // 65_536 + 1


def test_one_file_too_many_is_refused_with_all_that_came_before() -> None:
    refused = refusal_of(Sent([encoded([("file", f"{number}.txt", b"text") for number in range(4)])]))

    assert (refused.status, refused.detail) == (413, "a request may have 3 files")


def test_a_field_that_is_no_utf_8_is_named() -> None:
    refused = refusal_of(Sent([encoded([("text_content", None, "Grüße".encode("latin-1"))])]))

    assert isinstance(refused, InvalidField)
    assert refused.errors[0]["field"] == "text_content"


WHOLE = encoded([("text_content", None, b"a text"), ("file", "a.txt", b"herons fish at dawn")])


@pytest.mark.parametrize("length", range(0, len(WHOLE) - 4, 3))
def test_a_form_that_breaks_off_anywhere_is_malformed(length: int) -> None:
    assert isinstance(refusal_of(Sent([WHOLE[:length]])), MalformedBody)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"no form at all", b"multipart/form-data; boundary=x"),
        (b"{}", b"application/json"),
        (b"text_content=x", b"text/plain"),
        (b"--x--", b"multipart/form-data"),
        (b"--" + BOUNDARY + b"\r\nno header\r\n\r\nx", b"multipart/form-data; boundary=" + BOUNDARY),
        (b"text_content=\xff\xfe", b"application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(1001)), b"application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_malformed(body: bytes, content_type: bytes) -> None:
    assert isinstance(refusal_of(Sent([body], content_type)), MalformedBody)


def test_a_file_of_no_readable_type_is_taken_among_others_and_refused_alone() -> None:
    good: list[Part] = [("file", "good.txt", b"text")]
    bad: list[Part] = [("file", "bad.txt", b"MZ\x90\0" + bytes(range(256)))]

    with receiving() as (receiver, intake, _):
        asyncio.run(receiver.receive(Sent([encoded(good + bad)]).request))
        assert [one.content_type for one in intake.settle()] == ["text/plain", UNREADABLE]
    with receiving() as (receiver, intake, _):
        asyncio.run(receiver.receive(Sent([encoded(bad)]).request))
        with pytest.raises(UnsupportedType, match=r"bad\.txt"):
            intake.settle()


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_no_bytes_at_all_do_more_than_be_refused(body: bytes, cuts: list[int]) -> None:
    chunks = pieces(b"--" + BOUNDARY + b"\r\n" + body, cuts)

    with receiving() as (receiver, _, _):
        try:
            asyncio.run(receiver.receive(Sent(chunks).request))
        except HeadraceError as refused:
            assert refused.status < 500  # noqa: PT017 - a form is a right end, too
