import json

import pytest

from headrace.client.errors import ServerUnreachable, error_from
from headrace.model import errors
from headrace.model.errors import HeadraceError


def problem(status: int, code: str, **members: object) -> bytes:
    return json.dumps(
        {"type": "about:blank", "title": "t", "status": status, "detail": "why", "code": code} | members
    ).encode()


@pytest.mark.parametrize(
    "kind",
    [errors.JobNotFound, errors.WrongState, errors.InvalidField, errors.QueueFull, errors.DiskLow, errors.KeyReused],
)
def test_a_problem_is_raised_as_the_class_that_the_server_raised(kind: type[HeadraceError]) -> None:
    error = error_from(kind.status, problem(kind.status, kind.code))

    assert type(error) is kind
    assert (error.code, error.status, error.detail, str(error)) == (kind.code, kind.status, "why", "why")


def test_every_field_that_was_wrong_is_named() -> None:
    found = [{"field": "metadata", "message": "must be an object"}]

    error = error_from(422, problem(422, "invalid_field", errors=found))

    assert isinstance(error, errors.InvalidField)
    assert error.errors == found


def test_a_code_of_a_newer_server_gets_the_class_of_its_status() -> None:
    error = error_from(409, problem(409, "brand_new"))

    assert type(error) is errors.Conflict
    assert error.code == "brand_new"


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]", b'{"detail": 1}'])
def test_a_proxys_answer_is_an_error_with_its_status(body: bytes) -> None:
    error = error_from(502, body)

    assert error.status == 502
    assert error.code == "http_502"


def test_when_to_come_again_is_kept() -> None:
    error = error_from(429, problem(429, "queue_full"), "12")

    assert isinstance(error, errors.QueueFull)
    assert error.retry_after_seconds == 12


def test_no_server_is_an_error_of_its_own() -> None:
    error = ServerUnreachable("http://nowhere", "")

    assert error.code == "server_unreachable"
    assert "http://nowhere" in error.detail
