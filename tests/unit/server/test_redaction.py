"""Secrets stay out of the log, however they get into a line."""

import logging

import pytest

from headrace.server.access import Kind, make_secret
from headrace.server.redaction import RedactingFormatter, redact

SECRETS = [make_secret(kind) for kind in Kind]


@pytest.mark.parametrize("secret", SECRETS, ids=list(Kind))
@pytest.mark.parametrize(
    "line",
    ["GET /events?ticket={}&after=1 HTTP/1.1", "Authorization: Bearer {}", "{{b'authorization': b'Bearer {}'}}",
     "[(b'cookie', b'headrace_session={}')]", "token {}", "x={},", "https://host/ws?a=b&ticket={}"],
)  # fmt: skip
def test_a_secret_is_hidden_wherever_it_stands(line: str, secret: str) -> None:
    assert secret[6:] not in redact(line.format(secret))


def test_other_credentials_are_hidden_too() -> None:
    assert redact("Authorization: Basic dXNlcjpwYXNz") == "Authorization: [hidden]"
    assert redact("/ws?ticket=abc&after=1") == "/ws?ticket=[hidden]&after=1"


@pytest.mark.parametrize(
    "line", ["3 jobs are ahead in line", "job 0192-ab took 3 s", "her_name hr_x", "tickets are out"]
)
def test_everything_else_is_left_as_it_is(line: str) -> None:
    assert redact(line) == line


def test_a_traceback_is_redacted() -> None:
    error = ValueError(f"cannot read {SECRETS[0]}")
    record = logging.LogRecord("x", 40, "", 1, "failed for %s", (SECRETS[1],), (ValueError, error, None))
    shown = RedactingFormatter("%(message)s").format(record)

    assert "ValueError: cannot read [hidden]" in shown
    assert [secret for secret in SECRETS if secret in shown] == []
