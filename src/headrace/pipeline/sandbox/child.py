"""What runs in the cage: read one document after the other from the channel and send what they hold."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import closing
from time import monotonic

from headrace.model.errors import DocumentError
from headrace.pipeline.extract import Extractor, Format
from headrace.pipeline.extract.parts import read_sections
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import cage, wire
from headrace.pipeline.source import Limits

SEND_BYTES = 1 << 16
SEND_SECONDS = 0.02


def serve(channel: socket.socket, formats: dict[str, tuple[Format, Extractor]], limits: Limits) -> None:
    """Answer orders until the owner closes the channel, or until a document failed: a fresh process takes the next."""
    for order, descriptor in orders(channel):
        format_, extract = formats[order.content_type]
        try:
            send_together(channel, answer(order, descriptor, extract, limits))
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001  (this process's boundary: parsers raise anything on damaged files)
            channel.sendall(wire.packed_failure(verdict(error, format_.name, limits)))
            return
        finally:
            os.close(descriptor)


def send_together(channel: socket.socket, frames: Iterator[bytes]) -> None:
    """Send frames that come in quick succession as one: each send wakes the owner."""
    pending, sent_at = bytearray(next(frames)), 0.0
    for frame in frames:
        if len(pending) > SEND_BYTES or monotonic() - sent_at > SEND_SECONDS:
            channel.sendall(pending)
            pending, sent_at = bytearray(), monotonic()
        pending += frame
    channel.sendall(pending)


def orders(channel: socket.socket) -> Iterator[tuple[wire.Order, int]]:
    """Each order with its document's descriptor."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, wire.MAX_FRAME_BYTES, 1)
        if not data:
            return
        length = wire.LENGTH.unpack_from(data)[0] + wire.LENGTH.size
        while len(data) < length:
            data += channel.recv(length - len(data))
        yield wire.parsed_order(data[wire.LENGTH.size :]), descriptors[0]


def answer(order: wire.Order, descriptor: int, extract: Extractor, limits: Limits) -> Iterator[bytes]:
    """The frames for one document. Sections that the owner has are read again: offsets need their length."""
    with closing(open_window(descriptor, order.offset, order.size)) as file:
        parsed = extract(file, limits)
        yield wire.packed_outline(parsed.outline)
        for index, (section, fraction) in enumerate(read_sections(parsed, limits)):
            if index >= order.first_section:
                yield wire.packed_passage(section, fraction)
        warnings = (*parsed.outline.warnings, *parsed.warnings)
        yield wire.packed("finished", {"warnings": warnings[: wire.MAX_WARNINGS]})


def verdict(error: Exception, name: str, limits: Limits) -> DocumentError:
    """What an error means to the person who sent the document; a parser's own words are not for them."""
    failure = error if isinstance(error, DocumentError) else unreadable(name)
    peak_bytes = cage.peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    is_doubtful = failure.code == "corrupt" and cage.is_strained(peak_bytes, limits)
    return out_of_memory(name) if isinstance(error, MemoryError) or is_doubtful else failure


def out_of_memory(name: str) -> DocumentError:
    """The memory limit, met."""
    return DocumentError(
        "out_of_memory", f"reading the {name} takes more memory than is allowed; split it into smaller files"
    )


def unreadable(name: str) -> DocumentError:
    """A parser's own error, whose words are not for the person who sent the document."""
    return DocumentError("corrupt", f"the {name} is damaged and cannot be read; save it again and send it again")
