"""Server-sent events from bytes, however they are cut: the parsing rules of the HTML standard, section 9.2.6."""

import re
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one blank line completed. `data` is None for a comment, which only says that the stream is alive."""

    data: str | None
    id: str | None = None
    event: str = "message"


class EventStream:
    """The parser of one connection. `retry_seconds` is what the server last asked for, None until it does."""

    def __init__(self) -> None:
        self.retry_seconds: float | None = None
        self._rest = b""
        self._after_return = False
        self._is_first = True
        self._id: str | None = None
        self._event = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete; an unfinished one is kept until more comes."""
        if not data:
            return []
        if self._after_return and data.startswith(b"\n"):  # the second half of a \r\n that was cut in two
            data = data[1:]
        self._after_return = data.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + data)
        return [message for line in lines if (message := self._line(line)) is not None]

    def _line(self, raw: bytes) -> Message | None:
        if self._is_first:
            self._is_first = False
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        line = raw.decode("utf-8", "replace")
        if not line:
            return self._dispatched()
        if line.startswith(":"):
            return Message(data=None)
        name, _, value = line.partition(":")
        self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value) / 1000

    def _dispatched(self) -> Message | None:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return Message(data="\n".join(data), id=self._id, event=event or "message") if data else None
