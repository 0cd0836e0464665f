"""What runs in the cage: read one document after the other from the channel and send what they hold."""

import lzma
import os
import resource
import socket
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from time import monotonic
from typing import BinaryIO

from headrace.model.errors import DocumentError
from headrace.pipeline.extract import Extractor, Format, listing
from headrace.pipeline.extract.parts import Parsed, Recognize, Unrecognized, read_sections, web_links
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import cage, wire
from headrace.pipeline.source import Limits, Outline, Picture
from headrace.pipeline.study import Study

SEND_BYTES = 1 << 16
SEND_SECONDS = 0.02


def serve(
    channel: socket.socket,
    formats: dict[str, tuple[Format, Extractor]],
    limits: Limits,
    *,
    has_ocr: bool,
    born_with_bytes: int,
) -> None:
    """Answer orders until the owner closes the channel, or until a document failed: a fresh process takes the next.

    `born_with_bytes` were resident when this process was forked.
    """
    for order, descriptor in orders(channel):
        format_, extract = formats[order.content_type]
        outlet = Outlet(channel)
        recognize = partial(recognized, channel, outlet) if has_ocr else None
        try:
            with closing(open_window(descriptor, order.offset, order.size)) as file:
                if order.unpacks:
                    unpack(outlet, file, limits)
                else:
                    answer(outlet, order, extract(file, limits), limits, recognize)
            outlet.flush()
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001  (this process's boundary: parsers raise anything on damaged files)
            channel.sendall(wire.packed_failure(verdict(error, format_.name, limits, born_with_bytes)))
            return
        finally:
            os.close(descriptor)


class Outlet:
    """Sends frames that come in quick succession as one: each send wakes the owner."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pending = bytearray()
        self._sent_at = 0.0

    def send(self, frame: bytes) -> None:
        """Send what waits if that is much or old, and keep the frame for the next time."""
        if self._pending and (len(self._pending) > SEND_BYTES or monotonic() - self._sent_at > SEND_SECONDS):
            self.flush()
        self._pending += frame

    def flush(self) -> None:
        """Send all that waits."""
        self._channel.sendall(self._pending)
        self._pending, self._sent_at = bytearray(), monotonic()


def orders(channel: socket.socket) -> Iterator[tuple[wire.Order, int]]:
    """Each order with its document's descriptor."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, wire.MAX_FRAME_BYTES, 1)
        if not data:
            return
        yield wire.parsed_order(rest_of_frame(channel, data)), descriptors[0]


def rest_of_frame(channel: socket.socket, data: bytes) -> bytes:
    """The data of the one frame whose beginning has come."""
    while len(data) < wire.LENGTH.size or len(data) < wire.LENGTH.unpack_from(data)[0] + wire.LENGTH.size:
        more = channel.recv(wire.MAX_FRAME_BYTES)
        if not more:
            raise ConnectionResetError
        data += more
    return data[wire.LENGTH.size :]


def answer(outlet: Outlet, order: wire.Order, parsed: Parsed, limits: Limits, recognize: Recognize | None) -> None:
    """Send one document. Sections that the owner has are read again: offsets need their length."""
    outlet.send(wire.packed_outline(parsed.outline))
    study = Study(order.brief)
    for index, (section, fraction) in enumerate(read_sections(parsed, limits, recognize)):
        if index >= order.first_section:
            outlet.send(wire.packed_passage(section, fraction, study.cut(section)))
        else:
            study.skip(section)
    finished = wire.Finished(
        warnings=(*parsed.outline.warnings, *parsed.warnings),
        links=tuple(web_links(parsed.links)),
        failed_pages=parsed.failed_pages,
        findings=study.findings(parsed.outline),
    )
    outlet.send(wire.packed_finish(finished))


def recognized(channel: socket.socket, outlet: Outlet, picture: Picture) -> str:
    """Have the owner read a picture, since nothing can be started in here."""
    outlet.send(wire.packed("drawing", {"width": picture.width, "height": picture.height}))
    outlet.flush()
    channel.sendall(picture.pixels)
    text, problem = wire.parsed_answer(rest_of_frame(channel, b""))
    if problem is not None:
        raise Unrecognized(problem)
    return text


def unpack(outlet: Outlet, file: BinaryIO, limits: Limits) -> None:
    """Send what is in an archive, one member after the other; one that is damaged costs itself only."""
    outlet.send(wire.packed_outline(Outline()))
    for path, pieces in listing.members(file, limits):
        outlet.send(wire.packed("member", {"path": wire.clipped(path)}))
        try:
            for piece in pieces:
                outlet.send(wire.packed("piece", {"size": len(piece)}) + piece)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError):
            outlet.send(wire.packed("spoilt", {"reason": "it is damaged"}))
        except (NotImplementedError, RuntimeError):
            outlet.send(wire.packed("spoilt", {"reason": "it is packed in a way that cannot be read"}))
    outlet.send(wire.packed_finish(wire.Finished()))


def verdict(error: Exception, name: str, limits: Limits, born_with_bytes: int) -> DocumentError:
    """What an error means to the person who sent the document; a parser's own words are not for them."""
    failure = error if isinstance(error, DocumentError) else unreadable(name)
    grown_bytes = cage.peak_bytes(resource.getrusage(resource.RUSAGE_SELF)) - born_with_bytes
    is_doubtful = failure.code == "corrupt" and cage.is_strained(grown_bytes, limits)
    return out_of_memory(name) if isinstance(error, MemoryError) or is_doubtful else failure


def out_of_memory(name: str) -> DocumentError:
    """The memory limit, met."""
    return DocumentError(
        "out_of_memory", f"reading the {name} takes more memory than is allowed; split it into smaller files"
    )


def unreadable(name: str) -> DocumentError:
    """A parser's own error, whose words are not for the person who sent the document."""
    return DocumentError("corrupt", f"the {name} is damaged and cannot be read; save it again and send it again")
