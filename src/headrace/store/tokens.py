"""Tokens, the sessions made from them, and tickets: rows that hold the hash of a secret, never the secret."""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.model.ids import UserId
from headrace.model.principal import Principal, TokenScope
from headrace.store.database import Transaction
from headrace.store.schema import ticket, token

IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What may be told about a token. `parent_id` is the token that a session was made from."""

    token_id: str
    user_id: UserId
    name: str
    scopes: frozenset[TokenScope]
    created_at: datetime
    parent_id: str | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        """Whom it speaks for."""
        return Principal(user_id=self.user_id, scopes=self.scopes, credential=self.token_id)


def add(transaction: Transaction, new: Token, token_hash: bytes) -> None:
    """Write a new token."""
    values = {name: getattr(new, name) for name in Token.__slots__}
    values |= {"token_hash": token_hash, "scopes": " ".join(sorted(new.scopes))}
    transaction.execute(sa.insert(token).values(values))


def find(connection: sa.Connection, token_hash: bytes, now: datetime, *, lock: bool = False) -> Token | None:
    """The token with that hash, if it is valid; with `lock` it stays so until the transaction ends."""
    statement = sa.select(token).where(token.c.token_hash == token_hash, *_is_alive(now))
    row = connection.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()
    if row is None or not hmac.compare_digest(row["token_hash"], token_hash):
        return None
    return _to_token(row)


def alive(connection: sa.Connection, ids: Collection[str], now: datetime) -> set[str]:
    """Those tokens and sessions that are still valid."""
    found: set[str] = set()
    everyone = list(ids)
    for start in range(0, len(everyone), IDS_AT_ONCE):
        some = everyone[start : start + IDS_AT_ONCE]
        statement = sa.select(token.c.token_id).where(token.c.token_id.in_(some), *_is_alive(now))
        found.update(connection.execute(statement).scalars())
    return found


def select_all(connection: sa.Connection) -> list[Token]:
    """Every token, oldest first, without the sessions."""
    statement = sa.select(token).where(token.c.parent_id.is_(None)).order_by(token.c.created_at, token.c.token_id)
    return [_to_token(row) for row in connection.execute(statement).mappings()]


def select_like(connection: sa.Connection, beginning: str) -> list[Token]:
    """The tokens whose id begins so, at most two: one is meant, two are not clear."""
    mine = (token.c.token_id.startswith(beginning, autoescape=True), token.c.parent_id.is_(None))
    return [_to_token(row) for row in connection.execute(sa.select(token).where(*mine).limit(2)).mappings()]


def revoke(transaction: Transaction, token_id: str) -> None:
    """Let a token, and every session made from it, be worth nothing any more; a repeat changes nothing."""
    family = sa.or_(token.c.token_id == token_id, token.c.parent_id == token_id)
    transaction.execute(sa.select(token.c.token_id).where(family).with_for_update())
    values = {"revoked_at": transaction.now}
    transaction.execute(sa.update(token).where(family, token.c.revoked_at.is_(None)).values(values))


def touch(transaction: Transaction, ids: Collection[str]) -> None:
    """Note that tokens were used just now."""
    used = sa.update(token).where(token.c.token_id == sa.bindparam("used_id")).values(last_used_at=transaction.now)
    transaction.execute(used, [{"used_id": one} for one in sorted(ids)])


def forget_sessions(transaction: Transaction) -> None:
    """Delete the sessions that have expired or were ended."""
    over = sa.or_(token.c.expires_at <= transaction.now, token.c.revoked_at.is_not(None))
    transaction.execute(sa.delete(token).where(token.c.parent_id.is_not(None), over))


def add_ticket(
    transaction: Transaction, ticket_hash: bytes, principal: Principal, job_id: str | None, lifetime: timedelta
) -> datetime:
    """Write a new ticket, and delete those that nobody used in time; returns when it expires."""
    transaction.execute(sa.delete(ticket).where(ticket.c.expires_at <= transaction.now))
    expires_at = transaction.now + lifetime
    values: dict[str, Any] = {
        "ticket_hash": ticket_hash,
        "user_id": principal.user_id,
        "token_id": principal.credential,
    }
    values |= {"job_id": job_id, "created_at": transaction.now, "expires_at": expires_at}
    transaction.execute(sa.insert(ticket).values(values))
    return expires_at


def take_ticket(transaction: Transaction, ticket_hash: bytes, job_id: str | None) -> Principal | None:
    """Use a ticket up; None when there is none, it is for another stream, or its token is worth nothing any more.

    A ticket shown at the wrong stream is used up too.
    """
    columns = (ticket.c.ticket_hash, ticket.c.user_id, ticket.c.token_id, ticket.c.job_id, ticket.c.expires_at)
    statement = sa.delete(ticket).where(ticket.c.ticket_hash == ticket_hash).returning(*columns)
    row = transaction.execute(statement).one_or_none()
    if row is None or not hmac.compare_digest(row.ticket_hash, ticket_hash):
        return None
    is_good = row.expires_at > transaction.now and row.job_id in (None, job_id)
    if is_good and row.token_id is not None:
        is_good = row.token_id in alive(transaction.connection, [row.token_id], transaction.now)
    scopes = frozenset({TokenScope.READ})
    return Principal(user_id=UserId(row.user_id), scopes=scopes, credential=row.token_id) if is_good else None


def _is_alive(now: datetime) -> Sequence[sa.ColumnElement[bool]]:
    return (token.c.revoked_at.is_(None), sa.or_(token.c.expires_at.is_(None), token.c.expires_at > now))


def _to_token(row: sa.RowMapping) -> Token:
    values = {name: row[name] for name in Token.__slots__}
    return Token(**values | {"scopes": frozenset(map(TokenScope, row["scopes"].split()))})
