"""Keeps secrets out of the log, whoever writes the line, tracebacks included."""

import logging
import re

HIDDEN = "[hidden]"

SECRETS = (
    re.compile(r"(?<![A-Za-z0-9])hr[st]?_[A-Za-z0-9_-]{16,}"),
    re.compile(r"(?<=ticket=)[^\s&'\"]+", re.IGNORECASE),
    re.compile(r"(?<=authorization)(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+", re.IGNORECASE),
)
"""Whatever looks like one of our own; the rest of `ticket=`; what follows `Authorization` up to the line's end."""


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
