"""An answer that is not a success becomes the exception that the server raised, as far as it can be told."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from headrace.model.errors import HeadraceError


class ServerUnreachable(HeadraceError):
    """Nothing answers at the URL, or the connection broke before the answer was complete."""

    code, status, title = "server_unreachable", 0, "no server"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason or 'the connection broke'}")
        self.url = url


def error_from(status: int, body: bytes, retry_after: str | None = None) -> HeadraceError:
    """The exception for an answer of 400 or more.

    Its class is that of the problem's `code`, else the nearest one for the HTTP status. It carries `code`, `status`,
    `detail`, `title`, and as attributes whatever else the problem names (`errors`, `job_id`); `errors` is always there.
    """
    problem = _problem(status, body)
    error = _made(_class_for(str(problem["code"]), status), str(problem["detail"]))
    members = {"errors": []} | {name: value for name, value in problem.items() if name not in {"type", "detail"}}
    if retry_after and retry_after.isdecimal():
        members["retry_after_seconds"] = int(retry_after)
    for name, value in members.items():
        setattr(error, name, value)
    return error


def _problem(status: int, body: bytes) -> dict[str, Any]:
    """The problem that a body holds; one made from the status alone where a proxy answered in our server's place."""
    found = _object(body)
    text = body.decode("utf-8", "replace").strip()[:200] if not found else ""
    said = text if text and not text.startswith("<") else f"the server answered {status}{_phrase(status)}"
    plain = {"title": f"HTTP {status}", "detail": said, "code": f"http_{status}"}
    return plain | {name: value for name, value in found.items() if name.isidentifier()} | {"status": status}


def _phrase(status: int) -> str:
    """What a proxy's page says at length."""
    return f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "code" in found else {}


def _class_for(code: str, status: int) -> type[HeadraceError]:
    classes = tuple(_descendants(HeadraceError))
    by_code = (found for found in classes if vars(found).get("code") == code)
    by_status = (found for found in classes if vars(found).get("status") == status)
    return next(by_code, None) or next(by_status, HeadraceError)


def _descendants(root: type[HeadraceError]) -> Iterator[type[HeadraceError]]:
    for child in root.__subclasses__():
        yield child
        yield from _descendants(child)


def _made(kind: type[HeadraceError], detail: str) -> HeadraceError:
    """An instance without the constructor of its class, which would word the detail anew."""
    error = kind.__new__(kind, detail)
    HeadraceError.__init__(error, detail)
    return error
