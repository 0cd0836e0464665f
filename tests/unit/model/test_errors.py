"""One class, one code, one status: the table of errors is whole."""

import inspect

import pytest

from headrace.model import errors
from headrace.model.errors import DocumentError, HeadraceError, InvalidField, ModelChanged, Superseded, Unavailable

ALL = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, HeadraceError)]
ABSTRACT = {Unavailable}
NEVER_SHOWN = {HeadraceError, Unavailable, DocumentError, Superseded, ModelChanged}
CODES = """
internal 500, bad_request 400, malformed_body 400, malformed_cursor 400, not_authenticated 401, not_allowed 403,
not_found 404, job_not_found 404, document_not_found 404, workspace_not_found 404, webhook_not_found 404, conflict 409,
wrong_state 409, idempotency_key_reused 409, name_taken 409, too_large 413, unsupported_type 415, invalid_field 422,
queue_full 429, busy 503, disk_low 507, superseded 500, too_slow 408, head_too_large 431, too_many_requests 429,
too_many_uploads 429, too_many_streams 429, chunk_not_found 404, model_changed 500
"""


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_a_code_a_status_a_title_and_a_sentence_on_what_it_is(kind: type[HeadraceError]) -> None:
    assert kind.code.replace("_", "").isalpha()
    assert kind.code == kind.code.lower()
    assert kind.status in {500} if kind in NEVER_SHOWN else 400 <= kind.status < 600
    assert kind.title
    assert kind.title[0].islower()
    assert (kind.__doc__ or "").split("\n")[0].endswith(".")


def test_no_two_errors_share_a_code_and_no_code_has_changed() -> None:
    found = {f"{one.code} {one.status}" for one in ALL if one not in ABSTRACT | {DocumentError}}
    codes = [one.code for one in ALL if one not in ABSTRACT | {DocumentError}]

    assert len(codes) == len(set(codes))
    assert found == {one.strip() for one in CODES.replace("\n", " ").split(",")}


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = errors.__doc__ or ""

    assert [one.__name__ for one in ALL if one.__name__ not in drawn and one is not Unavailable] == []


def test_every_invalid_field_is_named() -> None:
    error = InvalidField.single("top_k", "must be at least 1")

    assert error.detail == "top_k: must be at least 1"
    assert error.data == {"errors": [{"field": "top_k", "message": "must be at least 1"}]}


@pytest.mark.parametrize("kind", [errors.JobNotFound, errors.DocumentNotFound, errors.WorkspaceNotFound])
def test_a_long_id_is_quoted_in_part_only(kind: type[HeadraceError]) -> None:
    assert len(kind("x" * 10_000).detail) < 200


@pytest.mark.parametrize("kind", [one for one in ALL if issubclass(one, Unavailable)])
def test_whoever_cannot_be_served_now_is_told_when_to_come_again(kind: type[Unavailable]) -> None:
    assert kind.retry_after_seconds >= 1
