"""What all lists have in common: how long a page is, where it begins, and a tag by which it need not be sent again."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Header, Query
from fastapi.responses import JSONResponse, Response

from headrace.model.errors import MalformedCursor

Limit = Annotated[int, Query(ge=1, le=1000)]
IfNoneMatch = Annotated[str | None, Header()]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as `If-None-Match` says"}}


def _after_id(cursor: str | None = None) -> str | None:
    if not cursor:
        return None
    try:
        return str(uuid.UUID(cursor))
    except ValueError as error:
        raise MalformedCursor(cursor, "a `next_cursor`") from error


def _after_number(cursor: str | None = None) -> int | None:
    if not cursor:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 15:
        raise MalformedCursor(cursor, "a `next_cursor`")
    return int(cursor)


AfterId = Annotated[str | None, Depends(_after_id)]
"""The id behind which a page begins; an empty one is none. Raises MalformedCursor."""

AfterNumber = Annotated[int | None, Depends(_after_number)]
"""As `AfterId`, in lists that are in order of a number."""


def listed(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    next_cursor: str | None,
    asked: str | None,
    *,
    volatile: Sequence[str] = (),
) -> Response:
    """A page of a list, in the shape that all have; `volatile` members of its rows do not count as a change."""
    view = {name: rows, "next_cursor": next_cursor}
    return tagged(view, {name: [without(row, volatile) for row in rows], "next_cursor": next_cursor}, asked)


def without(view: Mapping[str, Any], volatile: Sequence[str]) -> dict[str, Any]:
    """The members that say whether something has changed."""
    return {name: value for name, value in view.items() if name not in volatile}


def tagged(view: object, stable: object, asked: str | None) -> Response:
    """The view with the `ETag` of what is `stable` in it, or nothing but 304 where that was `asked` for."""
    return unless_known(JSONResponse(view), json.dumps(stable).encode(), asked)


def unless_known(response: Response, stable: bytes, asked: str | None) -> Response:
    """The response with the `ETag` of these bytes, or 304. Tags are compared weakly (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha256(stable).hexdigest()[:20]}"'
    headers = {"ETag": f"W/{tag}", "Cache-Control": "no-cache"}
    known = [one.strip().removeprefix("W/") for one in (asked or "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response
