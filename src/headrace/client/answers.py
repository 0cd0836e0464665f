"""An HTTP answer as the object it holds, or as the exception it stands for."""

import httpx

from headrace.client.errors import ServerUnreachable, error_from
from headrace.client.verbs import Json


def read_answer(response: httpx.Response) -> Json:
    """The JSON object of a success; empty where there is no body.

    Raises:
        HeadraceError: the status is 400 or more.
        ServerUnreachable: it is no answer of Headrace: a page, or the way to another place.
    """
    if response.is_redirect:
        there = response.headers["location"]
        raise ServerUnreachable(str(response.url), f"it answers {response.status_code} and sends to {there}")
    if response.status_code >= 400:
        raise error_from(response.status_code, response.content, response.headers.get("retry-after"))
    if not response.content:
        return {}
    try:
        found = response.json()
    except ValueError as error:
        raise ServerUnreachable(str(response.url), "what answers there does not speak JSON") from error
    return found if isinstance(found, dict) else {"answer": found}


def reason(error: Exception) -> str:
    """What went wrong on the wire, in a few words."""
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return str(error).partition("] ")[2] if str(error).startswith("[Errno ") else str(error)
