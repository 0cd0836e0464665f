"""How far each relay has sent the log on, user by user; and what lies ahead of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.ids import UserId
from headrace.store.database import Transaction
from headrace.store.schema import account, relay, relay_position


@dataclass(frozen=True, slots=True)
class Backlog:
    """A user's events after `sent` and up to `newest` are still to be sent."""

    user_id: UserId
    sent: int
    newest: int


def begin(transaction: Transaction, name: str) -> bool:
    """Let a relay that was never here start at the present, not with all of history; returns whether it was new."""
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    new = insert(relay).values(name=name, started_at=transaction.now).on_conflict_do_nothing()
    if not transaction.execute(new.returning(relay.c.name)).all():
        return False
    present = sa.select(sa.literal(name), account.c.user_id, account.c.last_number)
    transaction.execute(sa.insert(relay_position).from_select(["name", "user_id", "number"], present))
    return True


def backlogs(connection: sa.Connection, name: str, users: Collection[UserId] | None = None) -> list[Backlog]:
    """The users whose log goes on after what is noted as sent; from a user who came later nothing was sent.

    With `users` only they are looked at.
    """
    mine = sa.and_(relay_position.c.user_id == account.c.user_id, relay_position.c.name == name)
    sent = sa.func.coalesce(relay_position.c.number, 0)
    statement = (
        sa.select(account.c.user_id, sent, account.c.last_number)
        .select_from(account.outerjoin(relay_position, mine))
        .where(account.c.last_number > sent)
        .order_by(account.c.user_id)
    )
    if users is not None:
        statement = statement.where(account.c.user_id.in_(users))
    return [Backlog(UserId(user_id), number, newest) for user_id, number, newest in connection.execute(statement)]


def advance(transaction: Transaction, name: str, numbers: Mapping[UserId, int]) -> None:
    """Note what is sent. A position never goes back, even when another server was slower."""
    if not numbers:
        return
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    statement = insert(relay_position)
    higher = statement.excluded.number
    upsert = statement.on_conflict_do_update(
        index_elements=["name", "user_id"], set_={"number": higher}, where=relay_position.c.number < higher
    )
    rows = [{"name": name, "user_id": user_id, "number": number} for user_id, number in sorted(numbers.items())]
    transaction.execute(upsert, rows)
