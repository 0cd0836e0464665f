"""What went wrong, as one plain line on standard error and an exit code; a traceback is for what nobody foresaw."""

from headrace.cli.options import DEFAULT_URL
from headrace.cli.terminal import NO_SERVER, REFUSED, USAGE, complain
from headrace.model.errors import HeadraceError

_COMES_LATER = frozenset({408, 425, 429})


def told(error: Exception) -> int | None:
    """Say it, and answer with the exit code; None, and nothing said, if it is not of a kind that was foreseen."""
    if isinstance(error, HeadraceError):
        is_ours_to_start = getattr(error, "url", None) == DEFAULT_URL
        complain(_line(error.detail) + (" (start a server with: headrace serve)" if is_ours_to_start else ""))
        return exit_code(error)
    if isinstance(error, OSError):
        complain(_line(f"{error.filename or 'the system'}: {(error.strerror or str(error)).lower()}"))
        return USAGE
    from sqlalchemy.exc import DBAPIError  # imported already if it is one, and heavy

    if isinstance(error, DBAPIError):
        complain(f"the database does not answer as it should: {_line(str(error.orig))}")
        return NO_SERVER
    return None


def exit_code(error: HeadraceError) -> int:
    """Of a refusal: 2 for what was asked wrongly, 3 where nobody can do it now, 1 for the state that things are in."""
    if error.status == 409:
        return REFUSED
    return USAGE if 400 <= error.status < 500 and error.status not in _COMES_LATER else NO_SERVER


def comes_again(error: HeadraceError) -> bool:
    """Whether what was refused may be done if it is asked for later."""
    return exit_code(error) == NO_SERVER


def _line(text: str) -> str:
    return " ".join(text.split())
