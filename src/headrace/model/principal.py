"""Who is asking, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from headrace.model.ids import LOCAL_USER, UserId


class TokenScope(StrEnum):
    """What a token allows: to look, or to change something."""

    READ = "read"
    WRITE = "write"


ALL_SCOPES = frozenset(TokenScope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The user on whose behalf a request comes, and by which right.

    `credential` is the id of the token or session that speaks for the user; what was opened with it ends when it is
    revoked. None while nobody has to log in.
    """

    user_id: UserId
    scopes: frozenset[TokenScope] = ALL_SCOPES
    credential: str | None = None


LOCAL = Principal(user_id=LOCAL_USER)
"""Everybody, while no authentication is configured."""
