"""Reads `multipart/form-data` and urlencoded forms as they come in: files go to disk, never into memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from headrace.model.errors import InvalidField, MalformedBody, TooLarge
from headrace.service.intake import Incoming, Intake
from headrace.settings import Settings

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
WRITE_BYTES = 1 << 20

_FLAG = {"type": "boolean", "default": False}
_FIELDS: dict[str, Any] = {
    "text_content": {"type": "string"},
    "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
    "metadata": {"type": "string", "description": "a JSON object"},
    "collection_name": {"type": "string"},
    "force_recreate": _FLAG,
    "force": _FLAG,
    "replace": _FLAG,
    "sync": _FLAG,
}
KEEPING = ("file", "metadata", "collection_name")
UPLOADING = (*KEEPING, "force_recreate", "force", "replace")
INGESTING = (*UPLOADING, "text_content")


def form(*fields: str) -> dict[str, Any]:
    """What is read from the form of a route, for OpenAPI; without files it may be urlencoded just as well."""
    schema = {"type": "object", "properties": {name: _FIELDS[name] for name in fields}}
    kinds = (MULTIPART, URLENCODED) if "text_content" in fields else (MULTIPART,)
    return {"requestBody": {"content": {kind: {"schema": schema} for kind in kinds}}}


BOOLEAN = TypeAdapter(bool)


@dataclass(slots=True)
class Form:
    """The fields of a form that are no files; a field that came twice has its last value."""

    fields: dict[str, str] = field(default_factory=dict)
    file_count: int = 0

    def flag(self, name: str) -> bool:
        """A field as `true` or `false`, in the words of the query string; false where it is not, or empty.

        Raises:
            InvalidField: it is neither.
        """
        try:
            return BOOLEAN.validate_python(self.fields.get(name) or False)
        except ValidationError as error:
            raise InvalidField.single(name, error.errors()[0]["msg"]) from error


@dataclass(slots=True)
class _Part:
    name: str = ""
    filename: str | None = None
    header: bytes = b""
    value: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)


class Receiver:
    """Receives one form; its files go into `intake` under their field `file` (or `files`, `documents`)."""

    def __init__(self, intake: Intake, settings: Settings) -> None:
        self.form = Form()
        self._intake = intake
        self._settings = settings
        self._part = _Part()
        self._incoming: Incoming | None = None
        self._done: list[Incoming] = []
        self._unwritten: list[tuple[Incoming, bytes]] = []
        self._unwritten_bytes = 0
        self._is_whole = False
        self._kept_bytes = 0

    async def receive(self, request: Request) -> Form:
        """Read the whole body.

        Raises:
            MalformedBody: it is no form, or breaks off.
            TooLarge: a limit was exceeded; the rest is not read.
        """
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind.decode("latin-1") == URLENCODED:
            await self._receive_urlencoded(request)
        elif kind.decode("latin-1") == MULTIPART and b"boundary" in options:
            await self._receive_multipart(request.stream(), options[b"boundary"])
        else:
            told = request.headers.get("content-type", "")[:80]
            raise MalformedBody(
                f"a body of content type {told!r} is not read here; send {MULTIPART} with its boundary, or {URLENCODED}"
                " (JSON, where a route takes it, as application/json)"
            )
        return self.form

    async def _receive_urlencoded(self, request: Request) -> None:
        body = await request.body()
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000)
        except ValueError as error:
            raise MalformedBody(f"the form does not parse: {error}") from error
        self.form.fields = dict(pairs)

    async def _receive_multipart(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )
        try:
            async for chunk in stream:
                parser.write(chunk)
                if self._unwritten_bytes >= WRITE_BYTES:
                    await asyncio.to_thread(self._flush)
            parser.finalize()
        except MultipartParseError as error:
            raise MalformedBody(f"the form does not parse: {error}") from error
        if not self._is_whole:
            raise MalformedBody("the form breaks off before its end")
        await asyncio.to_thread(self._flush)

    def _begin(self) -> None:
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]
        self._keep(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]
        self._keep(end - start)

    def _header_end(self) -> None:
        self._part.headers[self._part.header.lower()] = self._part.value
        self._part.header = self._part.value = b""

    def _headers_finished(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition"))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            return
        self.form.file_count += 1
        if self.form.file_count > self._settings.max_request_files:
            raise TooLarge(f"a request may have {self._settings.max_request_files} files")
        part.filename = options[b"filename"].decode("utf-8", "replace")
        self._incoming = self._intake.open_file(part.filename)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._incoming is not None:
            self._unwritten.append((self._incoming, data[start:end]))
            self._unwritten_bytes += end - start
            return
        self._part.value += data[start:end]
        self._keep(end - start)
        if len(self._part.value) > self._settings.max_file_bytes:
            raise TooLarge(f"the field {self._part.name!r} is larger than {self._settings.max_file_bytes} bytes")

    def _keep(self, size: int) -> None:
        """Count what stays in memory: all that is no file."""
        self._kept_bytes += size
        if self._kept_bytes > self._settings.max_json_bytes:
            raise TooLarge(f"the fields of a form may have {self._settings.max_json_bytes} bytes; send more as a file")

    def _end(self) -> None:
        if self._incoming is None:
            self.form.fields[self._part.name] = _decoded(self._part)
            return
        self._done.append(self._incoming)
        self._incoming = None

    def _finish(self) -> None:
        self._is_whole = True

    def _flush(self) -> None:
        for incoming, data in self._unwritten:
            incoming.write(data)
        for incoming in self._done:
            self._intake.add_file(incoming)
        self._unwritten, self._unwritten_bytes, self._done = [], 0, []


def _decoded(part: _Part) -> str:
    try:
        return part.value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidField.single(part.name, "is not UTF-8; send other encodings as a file") from error
