"""Gives out credentials and takes them back: tokens, the sessions of browsers, and tickets for streams.

A secret is told once, to whom it is made for. It carries 256 random bits, so its plain SHA-256 cannot be guessed back.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from headrace.model.errors import Conflict, InvalidField, NotAuthenticated, NotFound
from headrace.model.ids import UserId
from headrace.model.principal import ALL_SCOPES, Principal, TokenScope
from headrace.settings import Settings
from headrace.store import jobs, tokens
from headrace.store.database import Database
from headrace.store.tokens import Token

SECRET_BYTES = 32
BITS = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
MOST_DAYS = 36_500
USER_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?")

EXPLAINED = "no valid token came with the request; make one with: headrace token create --user NAME"


class Kind(StrEnum):
    """How a secret begins, which says what it is; the beginning is hashed with the rest."""

    TOKEN = "hr_"  # noqa: S105 - not a password
    SESSION = "hrs_"
    TICKET = "hrt_"


def make_secret(kind: Kind) -> str:
    """A new secret of a kind."""
    return kind + secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def is_secret(text: str, kind: Kind) -> bool:
    """Whether a text has the form of a secret of that kind; all else needs no look into the database."""
    return text.startswith(kind) and BITS.fullmatch(text, len(kind)) is not None


class Access:
    """The verbs are synchronous and may block for a database write: call them from a thread."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def create_token(
        self,
        user_name: str,
        *,
        name: str = "",
        scopes: Iterable[TokenScope] = ALL_SCOPES,
        expires_days: float | None = None,
    ) -> tuple[str, Token]:
        """A new token of a user, who need not have been heard of before; its secret is told this once.

        Raises:
            InvalidField: the user's name or the days cannot be meant so.
        """
        _check(user_name, name, expires_days)
        secret = make_secret(Kind.TOKEN)
        with self._database.write(durable=True) as transaction:
            new = Token(
                token_id=secrets.token_hex(6),
                user_id=UserId(user_name),
                name=name,
                scopes=frozenset(scopes) or ALL_SCOPES,
                created_at=transaction.now,
                expires_at=None if expires_days is None else transaction.now + timedelta(days=expires_days),
            )
            tokens.add(transaction, new, digest(secret))
        return secret, new

    def list_tokens(self) -> list[Token]:
        """Every token, oldest first."""
        with self._database.read() as connection:
            return tokens.select_all(connection)

    def revoke_token(self, beginning: str) -> Token:
        """Take back the token whose id begins so, with all that was opened by it.

        Raises:
            NotFound: there is none.
            Conflict: there are several.
        """
        with self._database.write(durable=True) as transaction:
            found = tokens.select_like(transaction.connection, beginning) if beginning else []
            if not found:
                raise NotFound(f"no token with id {beginning[:80]!r}; see them with: headrace token list")
            if len(found) > 1:
                raise Conflict(f"several tokens have an id that begins with {beginning!r}; give more of it")
            tokens.revoke(transaction, found[0].token_id)
            return found[0]

    def open_session(self, secret: str) -> tuple[str, Token]:
        """A session for the bearer of a token, no longer than the token itself.

        Raises:
            NotAuthenticated: that is not a valid token.
        """
        if not is_secret(secret, Kind.TOKEN):
            raise NotAuthenticated(EXPLAINED)
        session_secret = make_secret(Kind.SESSION)
        with self._database.write(durable=True) as transaction:
            parent = tokens.find(transaction.connection, digest(secret), transaction.now, lock=True)
            if parent is None:
                raise NotAuthenticated(EXPLAINED)
            until = transaction.now + timedelta(hours=self._settings.session_hours)
            session = Token(
                token_id=secrets.token_hex(6),
                parent_id=parent.token_id,
                user_id=parent.user_id,
                name=parent.name,
                scopes=parent.scopes,
                created_at=transaction.now,
                expires_at=until if parent.expires_at is None else min(until, parent.expires_at),
            )
            tokens.forget_sessions(transaction)
            tokens.touch(transaction, [parent.token_id])
            tokens.add(transaction, session, digest(session_secret))
        return session_secret, session

    def end_session(self, secret: str) -> None:
        """Let a session be worth nothing any more; one that is not there already is."""
        with self._database.write(durable=True) as transaction:
            session = tokens.find(transaction.connection, digest(secret), transaction.now)
            if session is not None and session.parent_id is not None:
                tokens.revoke(transaction, session.token_id)

    def issue_ticket(self, principal: Principal, job_id: str | None) -> tuple[str, datetime]:
        """A secret that opens one stream once, within seconds; with `job_id` that job's stream and no other.

        Raises:
            JobNotFound: the user has no such job.
        """
        secret = make_secret(Kind.TICKET)
        lifetime = timedelta(seconds=self._settings.ticket_seconds)
        with self._database.write() as transaction:
            if job_id is not None:
                jobs.get(transaction.connection, principal.user_id, job_id)
            return secret, tokens.add_ticket(transaction, digest(secret), principal, job_id, lifetime)

    def redeem_ticket(self, secret: str, job_id: str | None) -> Principal:
        """Whom a ticket speaks for at the stream of `job_id`, or of the user; it is used up by this.

        Raises:
            NotAuthenticated: it is unknown, used, too old, or for another stream.
        """
        found = None
        if is_secret(secret, Kind.TICKET):
            with self._database.write() as transaction:
                found = tokens.take_ticket(transaction, digest(secret), job_id)
        if found is None:
            raise NotAuthenticated("the ticket is unknown, used, too old or for another stream; ask POST /tickets")
        return found


def _check(user_name: str, name: str, expires_days: float | None) -> None:
    if USER_NAME.fullmatch(user_name) is None or not user_name.isprintable():
        raise InvalidField.single("user", "must be 1 to 200 printable characters, without space at its ends")
    if len(name) > 255 or not (name.isprintable() or not name):
        raise InvalidField.single("name", "must be at most 255 printable characters")
    if expires_days is not None and not 0 < expires_days <= MOST_DAYS:
        raise InvalidField.single("expires_days", f"must be above 0 and at most {MOST_DAYS}, got {expires_days:g}")
