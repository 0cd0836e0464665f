"""What runs in the cage: read one document after the other from the channel and send what they hold."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

from headrace.model.errors import DocumentError
from headrace.pipeline.extract import Extractor, Format
from headrace.pipeline.extract.parts import read_sections
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import wire
from headrace.pipeline.source import Limits


def serve(channel: socket.socket, formats: dict[str, tuple[Format, Extractor]], limits: Limits) -> None:
    """Answer orders until the owner closes the channel, or until a document failed: a fresh process takes the next."""
    for order, descriptor in orders(channel):
        format_, extract = formats[order.content_type]
        try:
            for frame in answer(order, descriptor, extract, limits):
                channel.sendall(frame)
        except DocumentError as error:
            return channel.sendall(wire.packed_failure(error))
        except MemoryError:
            return channel.sendall(wire.packed_failure(out_of_memory(format_.name)))
        except (BrokenPipeError, ConnectionError):
            return None
        except Exception:  # noqa: BLE001  (this process's boundary: parsers raise anything on damaged files)
            return channel.sendall(wire.packed_failure(unreadable(format_.name)))
        finally:
            os.close(descriptor)
    return None


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


def out_of_memory(name: str) -> DocumentError:
    """The memory limit, met."""
    return DocumentError(
        "out_of_memory", f"reading the {name} takes more memory than is allowed; split it into smaller files"
    )


def unreadable(name: str) -> DocumentError:
    """A parser's own error, whose words are not for the person who sent the document."""
    return DocumentError("corrupt", f"the {name} is damaged and cannot be read; save it again and send it again")
