"""Where each workspace's events are posted to, and how each event's delivery goes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.ids import UserId, WorkspaceId
from headrace.model.vocabulary import DeliveryStatus
from headrace.store.database import Transaction
from headrace.store.schema import account, delivery, webhook

PORTION = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`types` are the events that are wanted. `number` is the newest event of the user's log that was looked at."""

    workspace_id: WorkspaceId
    user_id: UserId
    url: str
    secret: str
    types: Sequence[str]
    number: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way. Those of one `line` (a job's id, or empty) go one after the other."""

    delivery_id: int = 0
    workspace_id: WorkspaceId
    event_id: str
    line: str
    type: str
    body: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    last_error: str | None = None
    next_attempt_at: datetime | None
    created_at: datetime


def find(connection: sa.Connection, workspace_id: WorkspaceId) -> Webhook | None:
    """A workspace's webhook."""
    row = connection.execute(sa.select(webhook).filter_by(workspace_id=workspace_id)).mappings().one_or_none()
    return None if row is None else Webhook(**row)


def put(transaction: Transaction, new: Webhook) -> Webhook:
    """Set a workspace's webhook. One that is new starts at the present; one that is there goes on where it is."""
    there = find(transaction.connection, new.workspace_id)
    values = {field.name: getattr(new, field.name) for field in fields(new)} | {"types": list(new.types)}
    if there is None:
        present = sa.select(account.c.last_number).filter_by(user_id=new.user_id)
        values["number"] = transaction.execute(present).scalar() or 0
        transaction.execute(sa.insert(webhook).values(values))
        return replace(new, number=values["number"])
    changed = {name: values[name] for name in ("url", "secret", "types", "updated_at")}
    transaction.execute(sa.update(webhook).filter_by(workspace_id=new.workspace_id).values(changed))
    return replace(new, number=there.number, created_at=there.created_at)


def delete(transaction: Transaction, workspace_id: WorkspaceId) -> bool:
    """Forget a webhook and its deliveries; returns whether there was one."""
    return transaction.execute(sa.delete(webhook).filter_by(workspace_id=workspace_id)).rowcount > 0


def owners(connection: sa.Connection) -> set[str]:
    """The users who have a webhook."""
    return set(connection.scalars(sa.select(webhook.c.user_id).distinct()))


def behind(connection: sa.Connection) -> list[tuple[Webhook, int]]:
    """The webhooks whose users' logs have grown since they were looked at, with the newest number of each log."""
    statement = (
        sa.select(webhook, account.c.last_number)
        .join(account, account.c.user_id == webhook.c.user_id)
        .where(account.c.last_number > webhook.c.number)
        .order_by(webhook.c.workspace_id)
    )
    names = [field.name for field in fields(Webhook)]
    found = connection.execute(statement).mappings()
    return [(Webhook(**{name: row[name] for name in names}), row["last_number"]) for row in found]


def enqueue(transaction: Transaction, hook: Webhook, number: int, new: Sequence[Delivery]) -> None:
    """Note that everything up to `number` was looked at, and what of it is to be delivered: together, so once."""
    mine = (webhook.c.workspace_id == hook.workspace_id, webhook.c.number == hook.number)
    moved = transaction.execute(sa.update(webhook).where(*mine).values(number=number))
    if moved.rowcount and new:
        insert = sqlite_insert if transaction.is_sqlite else postgres_insert
        transaction.execute(insert(delivery).on_conflict_do_nothing(), [_values(one) for one in new])


def due(connection: sa.Connection, now: datetime, limit: int) -> list[Delivery]:
    """What is to be tried now: of each line only the oldest that is pending."""
    earlier = delivery.alias("earlier")
    is_first = ~sa.exists().where(
        earlier.c.workspace_id == delivery.c.workspace_id,
        earlier.c.line == delivery.c.line,
        earlier.c.status == DeliveryStatus.PENDING,
        earlier.c.delivery_id < delivery.c.delivery_id,
    )
    mine = (delivery.c.status == DeliveryStatus.PENDING, delivery.c.next_attempt_at <= now)
    statement = sa.select(delivery).where(*mine, is_first).order_by(delivery.c.next_attempt_at).limit(limit)
    return [_delivery(row) for row in connection.execute(statement).mappings()]


def count_pending(connection: sa.Connection, workspace_id: WorkspaceId) -> int:
    """How many deliveries of a webhook are still to be made."""
    mine = (delivery.c.workspace_id == workspace_id, delivery.c.status == DeliveryStatus.PENDING)
    return int(connection.execute(sa.select(sa.func.count()).select_from(delivery).where(*mine)).scalar_one())


def update(transaction: Transaction, changed: Delivery) -> None:
    """Write how an attempt went."""
    transaction.execute(sa.update(delivery).filter_by(delivery_id=changed.delivery_id).values(_values(changed)))


def select_page(
    connection: sa.Connection, workspace_id: WorkspaceId, *, limit: int, before: int | None
) -> list[Delivery]:
    """At most `limit` deliveries, newest first, from the one after `before` on."""
    statement = sa.select(delivery).filter_by(workspace_id=workspace_id).order_by(delivery.c.delivery_id.desc())
    if before is not None:
        statement = statement.where(delivery.c.delivery_id < before)
    return [_delivery(row) for row in connection.execute(statement.limit(limit)).mappings()]


def forget(transaction: Transaction, older_than: datetime) -> int:
    """Delete the ended deliveries made before that, at most a portion; returns how many."""
    old = sa.select(delivery.c.delivery_id).where(
        delivery.c.status != DeliveryStatus.PENDING, delivery.c.created_at < older_than
    )
    return transaction.execute(sa.delete(delivery).where(delivery.c.delivery_id.in_(old.limit(PORTION)))).rowcount


def _delivery(row: sa.RowMapping) -> Delivery:
    return Delivery(**{**row, "status": DeliveryStatus(row["status"])})


def _values(one: Delivery) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one) if field.name != "delivery_id"}
