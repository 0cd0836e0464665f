"""The log: a line of text or an object of JSON, without secrets, whoever writes it, tracebacks included."""

import json
import logging
import re
from datetime import UTC, datetime

from headrace.telemetry import logs

HIDDEN = "[hidden]"

SECRETS = (
    re.compile(r"(?<![A-Za-z0-9])hr[st]?_[A-Za-z0-9_-]{16,}"),
    re.compile(r"(?<=ticket=)[^\s&'\"]+", re.IGNORECASE),
    re.compile(r"(?<=authorization)(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+", re.IGNORECASE),
)
"""Whatever looks like one of our own; the rest of `ticket=`; what follows `Authorization` up to the line's end."""

TEXT = "%(asctime)s %(levelname)-7s %(message)s"


def redact(text: str) -> str:
    """A text without the secrets in it."""
    own, ticket, authorization = SECRETS
    text = own.sub(HIDDEN, text)
    text = ticket.sub(HIDDEN, text)
    return authorization.sub(rf"\1{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Formats as its parent does, and then redacts."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line: `time, level, logger, message`, and `request_id, job_id, exception` where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        told: dict[str, str | None] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "request_id": logs.request_id.get(),
            "job_id": logs.job_id.get(),
            "exception": redact(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in told.items() if value is not None}, ensure_ascii=False)


def formatter(kind: str, *, is_terminal: bool) -> logging.Formatter:
    """What `HEADRACE_LOG_FORMAT` asks for; `auto` is text for people at a terminal, and JSON for all else."""
    if kind == "json" or (kind == "auto" and not is_terminal):
        return JsonFormatter()
    return RedactingFormatter(TEXT)
