"""Mail by the standard library: the headers, the text, then each attachment, read by the extractor of its own type.

A mail is one document, so that an attachment is found with who sent it and why. An attached archive is not opened, and
pictures are not read.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import BinaryIO, cast

from headrace.model.errors import DocumentError, UnsupportedType
from headrace.pipeline.extract import FORMATS, load
from headrace.pipeline.extract.encoding import encoding_of, meant_by
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.sniff import EML, HTML, PICTURES, ZIP, sniff_file
from headrace.pipeline.source import Limits, Outline

SHOWN = ("From", "To", "Cc", "Date", "Subject")
MAX_PARTS = 1_000
MAX_DEPTH = 5
MAX_WARNINGS = 50


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """The whole mail is in memory at once."""
    size_of(file)
    mail = BytesParser(policy=policy.default).parse(file)
    warnings: list[str] = []
    links: list[str] = []
    reader = Reader(limits, warnings, links)
    outline = Outline(title=header(mail, "Subject") or None, metadata=metadata_of(mail))
    return Parsed(outline=outline, parts=reader.read(mail), warnings=warnings, links=links)


def header(mail: Message, name: str) -> str:
    """A header as a reader sees it; one that is broken, as it was sent."""
    raw = str(next((text for key, text in mail.raw_items() if key.lower() == name.lower()), ""))
    if not raw.isascii():  # bytes that nothing says the encoding of, as old programs send them
        return " ".join(decoded(raw.encode("utf-8", "surrogateescape"), None).split())
    try:
        value = mail.get(name)
        return " ".join(str(value).split()) if value is not None else ""
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):
        return " ".join(raw.split())


def metadata_of(mail: Message) -> dict[str, str]:
    """Who, to whom, when: what a search is filtered by."""
    named = {"author": header(mail, "From"), "to": header(mail, "To"), "message_id": header(mail, "Message-ID")}
    try:
        sent = parsedate_to_datetime(header(mail, "Date"))
        named["created_at"] = (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).isoformat()
    except (ValueError, TypeError, OverflowError, IndexError):
        pass
    return {name: value for name, value in named.items() if value}


class Reader:
    """Reads one mail and what is in it."""

    def __init__(self, limits: Limits, warnings: list[str], links: list[str]) -> None:
        self._limits = limits
        self._warnings = warnings
        self._links = links
        self._part_count = 0

    def read(self, mail: Message, depth: int = 0, fraction: float = 1.0) -> Iterator[Part]:
        """The mail's headers and text, then its attachments in order."""
        lines = [f"{name}: {value}" for name in SHOWN if (value := header(mail, name))]
        subject = header(mail, "Subject") or None
        yield Part(text="\n".join(lines), fraction=0.0 if not depth else fraction, heading=subject, gap=2)
        bodies, attachments = sorted_parts(mail)
        count = max(1, len(attachments))
        for body in bodies:
            yield from self._body(body, subject, 0.0 if attachments else fraction)
        for index, attachment in enumerate(attachments, 1):
            self._part_count += 1
            if self._part_count > MAX_PARTS:
                raise DocumentError("too_large", f"the mail has more than {MAX_PARTS} attachments; send them as files")
            yield from self._attachment(attachment, depth, fraction * index / count)

    def _body(self, body: Message, subject: str | None, fraction: float) -> Iterator[Part]:
        data = payload(body)
        kind = HTML if body.get_content_subtype() == "html" else "text/plain"
        charset = body.get_param("charset")
        text = decoded(data, charset if isinstance(charset, str) else None)
        marked = "\ufeff" + text.removeprefix("\ufeff")  # so that it is not decoded again as the page says
        parsed = load(FORMATS[kind].extractor)(io.BytesIO(marked.encode("utf-8", "replace")), self._limits)
        self._links.extend(parsed.links)
        for part in parsed.parts:
            yield replace(part, heading=part.heading or subject, fraction=fraction, gap=max(1, part.gap))

    def _attachment(self, attachment: Message, depth: int, fraction: float) -> Iterator[Part]:
        name = filename_of(attachment)
        if attachment.get_content_type() == EML and depth < MAX_DEPTH and attachment.is_multipart():
            for inner in cast("list[Message]", attachment.get_payload()):
                yield from self.read(inner, depth + 1, fraction)
            return
        data = payload(attachment)
        if not data.strip():
            return
        try:
            yield from self._read_file(name, data, fraction)
        except (DocumentError, UnsupportedType) as error:
            self._warn(f"the attachment {name[:100]!r} was left out: {error.detail.partition(';')[0]}")
        except (MemoryError, GeneratorExit):
            raise
        except Exception:  # noqa: BLE001  (parsers raise anything on damaged files, and the mail is more than one of them)
            self._warn(f"the attachment {name[:100]!r} was left out: it is damaged")

    def _read_file(self, name: str, data: bytes, fraction: float) -> Iterator[Part]:
        kind = sniff_file(io.BytesIO(data), name)
        if kind == ZIP:
            raise UnsupportedType("it is an archive; send it as a file of its own")
        if kind in PICTURES:
            raise UnsupportedType("it is a picture")
        parsed = load(FORMATS[kind].extractor)(io.BytesIO(data), self._limits)
        self._links.extend(parsed.links)
        for part in parsed.parts:
            place = f"page {part.page}" if part.page else part.heading
            heading = f"{name}: {place}" if place else name
            yield replace(part, heading=heading, page=None, fraction=fraction, gap=max(1, part.gap))
        for warning in parsed.warnings:
            self._warn(f"{name[:100]}: {warning}")

    def _warn(self, sentence: str) -> None:
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(sentence)


def sorted_parts(mail: Message) -> tuple[list[Message], list[Message]]:
    """What is the mail's own text, and what is attached. Of alternatives, plain text is taken before HTML."""
    bodies: list[Message] = []
    attachments: list[Message] = []
    stack = [mail]
    while stack:
        part = stack.pop()
        kind = part.get_content_type()
        if kind == "multipart/alternative" and part.is_multipart():
            stack.append(preferred(cast("list[Message]", part.get_payload())))
        elif part.is_multipart() and part.get_content_maintype() == "multipart":
            stack.extend(reversed(cast("list[Message]", part.get_payload())))
        elif kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment":
            bodies.append(part)
        else:
            attachments.append(part)
    return bodies, attachments


def preferred(alternatives: list[Message]) -> Message:
    """The plain text, if it says anything; else the last, which the sender likes best."""
    for part in alternatives:
        if part.get_content_type() == "text/plain" and payload(part).strip():
            return part
    return alternatives[-1] if alternatives else EmailMessage()


def payload(part: Message) -> bytes:
    """The decoded bytes; of a part that is damaged, what can be had."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AttributeError):
        data = str(part.get_payload()).encode("utf-8", "replace")
    return data if isinstance(data, bytes) else b""


def decoded(data: bytes, charset: str | None) -> str:
    """The text, in the encoding that the mail declares if it holds, else in the one that it looks like."""
    if charset:
        try:
            return data.decode(meant_by(charset))
        except (LookupError, ValueError):
            pass
    return data.decode(encoding_of(io.BytesIO(data)), "replace")


def filename_of(attachment: Message) -> str:
    """The attachment's name, or its type where it has none."""
    try:
        name = attachment.get_filename()
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        name = None
    clean = "".join(char for char in name or "" if char.isprintable()).strip()
    return clean or attachment.get_content_type()
