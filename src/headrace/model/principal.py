"""Who is asking, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from headrace.model.ids import LOCAL_USER, UserId


class TokenScope(StrEnum):
    """What a token allows: to look, to change something, or to see how the whole installation is doing."""

    READ = "read"
    WRITE = "write"
    OPERATOR = "operator"


ALL_SCOPES = frozenset({TokenScope.READ, TokenScope.WRITE})
"""All that concerns one's own things. What concerns everybody's has to be asked for by name."""


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
