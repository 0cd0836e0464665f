"""Workspaces: made on first use, provisioned by a job, configured, and deleted by a job."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.document import Workspace
from headrace.model.errors import ModelChanged, NameTaken, WorkspaceNotFound
from headrace.model.event import workspace_frame
from headrace.model.ids import JobId, UserId, WorkspaceId, new_id
from headrace.model.job import Job
from headrace.model.rag import RagConfig
from headrace.model.vocabulary import WorkspaceStatus
from headrace.store import documents, record, rows
from headrace.store.database import Transaction
from headrace.store.schema import document, job, rag_default, workspace

DEFAULT_WORKSPACE = "default"
PROVISIONING_CANCELLED = "its provisioning was cancelled; delete it, and make it anew"
IS_THERE = workspace.c.deleted_at.is_(None)

_SETTINGS = sa.select(
    workspace.c.rag_config, workspace.c.embedder, rag_default.c.rag_config.label("default_config")
).outerjoin(rag_default, rag_default.c.user_id == workspace.c.user_id)
"""A workspace's own settings beside its user's defaults."""


def find(connection: sa.Connection, user_id: UserId, name_or_id: str, *, is_counted: bool = False) -> Workspace | None:
    """A workspace by its id or its name. Its documents are counted where that is asked for: it goes through them."""
    named = sa.or_(workspace.c.workspace_id == name_or_id, workspace.c.name == name_or_id)
    statement = (_counted() if is_counted else sa.select(workspace)).where(
        workspace.c.user_id == user_id, named, IS_THERE
    )
    row = connection.execute(statement).mappings().first()
    return None if row is None else rows.to_workspace(row, row["document_count"] if is_counted else 0)


def get(connection: sa.Connection, user_id: UserId, name_or_id: str, *, is_counted: bool = False) -> Workspace:
    """As `find`.

    Raises:
        WorkspaceNotFound: there is none, or it is someone else's.
    """
    found = find(connection, user_id, name_or_id, is_counted=is_counted)
    if found is None:
        raise WorkspaceNotFound(name_or_id)
    return found


def select_page(connection: sa.Connection, user_id: UserId, *, limit: int, before: str | None) -> list[Workspace]:
    """At most `limit` workspaces, newest first, from the one after `before` on."""
    statement = _counted().where(workspace.c.user_id == user_id, IS_THERE)
    statement = statement.order_by(workspace.c.workspace_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(workspace.c.workspace_id < before)
    return [rows.to_workspace(row, row["document_count"]) for row in connection.execute(statement).mappings()]


def make(transaction: Transaction, user_id: UserId, name: str, rag_config: Mapping[str, Any]) -> Workspace:
    """A new workspace, to be provisioned by a job.

    Raises:
        NameTaken: the user has one of that name.
    """
    if find(transaction.connection, user_id, name) is not None:
        raise NameTaken(name)
    values: dict[str, Any] = {
        "workspace_id": new_id(),
        "user_id": user_id,
        "name": name,
        "status": WorkspaceStatus.PROVISIONING,
        "status_message": None,
        "rag_config": dict(rag_config),
        "index_number": 0,
        "embedder": None,
        "created_at": transaction.now,
    }
    transaction.execute(sa.insert(workspace).values(values))
    made = rows.to_workspace(values)
    _report(transaction, made)
    return made


def set_status(
    transaction: Transaction, workspace_id: WorkspaceId, status: WorkspaceStatus, message: str | None = None
) -> Workspace | None:
    """Write where a workspace stands, and tell; None when it is gone."""
    here = sa.select(workspace).where(workspace.c.workspace_id == workspace_id, IS_THERE).with_for_update()
    row = transaction.execute(here).mappings().one_or_none()
    if row is None:
        return None
    changed = replace(rows.to_workspace(row), status=status, status_message=message)
    _update(transaction, workspace_id, status=status, status_message=message)
    _report(transaction, changed)
    return changed


def give_up(transaction: Transaction, cancelled: Job) -> None:
    """Say that a workspace is not provisioned, as its job was cancelled; what another has made ready stays so."""
    if cancelled.workspace_id is None:
        return
    found = find_by_id(transaction, cancelled.workspace_id)
    if found is not None and found.status is WorkspaceStatus.PROVISIONING:
        set_status(transaction, found.workspace_id, WorkspaceStatus.ERROR, PROVISIONING_CANCELLED)


def change(
    transaction: Transaction, found: Workspace, *, name: str | None, rag_config: Mapping[str, Any] | None
) -> Workspace:
    """Rename a workspace, or change its settings: those named are replaced.

    Raises:
        NameTaken: the user has another one of that name.
    """
    if name is not None and name != found.name:
        if find(transaction.connection, found.user_id, name) is not None:
            raise NameTaken(name)
        found = replace(found, name=name)
    if rag_config is not None:
        found = replace(found, rag_config={**found.rag_config, **rag_config})
    _update(transaction, found.workspace_id, name=found.name, rag_config=dict(found.rag_config))
    _report(transaction, found)
    return found


def hide(transaction: Transaction, found: Workspace) -> None:
    """Let a workspace and its documents be gone for everyone at once; its name is free again."""
    gone = f"{found.name[:200]} {found.workspace_id}"
    _update(transaction, found.workspace_id, deleted_at=transaction.now, name=gone)
    documents.hide(transaction, document.c.workspace_id == found.workspace_id)


def remove(transaction: Transaction, workspace_id: WorkspaceId) -> bool:
    """Forget a hidden workspace; False while documents of it are left."""
    left = sa.select(document.c.document_id).where(document.c.workspace_id == workspace_id).limit(1)
    if transaction.execute(left).first() is not None:
        return False
    hidden = (workspace.c.workspace_id == workspace_id, workspace.c.deleted_at.is_not(None))
    transaction.execute(sa.delete(workspace).where(*hidden))
    return True


def find_by_id(transaction: Transaction, workspace_id: WorkspaceId | None) -> Workspace | None:
    """A workspace that is not deleted, locked until the transaction is over; whoever owns it."""
    here = sa.select(workspace).where(workspace.c.workspace_id == workspace_id, IS_THERE).with_for_update()
    row = transaction.execute(here).mappings().one_or_none()
    return None if row is None else rows.to_workspace(row)


def vectors_number(connection: sa.Connection, workspace_id: WorkspaceId) -> int:
    """How often the vectors of a workspace were made anew."""
    statement = sa.select(workspace.c.vectors_number).filter_by(workspace_id=workspace_id)
    return int(connection.execute(statement).scalar() or 0)


def embedders(connection: sa.Connection, user_id: UserId) -> dict[str, str]:
    """The embedder that made each workspace's vectors; where there are none yet, the one that will."""
    default = default_rag_config(connection, user_id).embedder
    mine = sa.select(workspace.c.workspace_id, workspace.c.embedder, workspace.c.rag_config).where(
        workspace.c.user_id == user_id, IS_THERE
    )
    return {
        row.workspace_id: row.embedder or row.rag_config.get("embedder", default) for row in connection.execute(mine)
    }


def check_vectors(transaction: Transaction, workspace_id: WorkspaceId, number: int, embedder: str) -> None:
    """Make sure that the vectors about to be written are of the model that the workspace has; its first ones decide.

    Raises:
        ModelChanged: it has another one, or all vectors were made anew since `number` was read.
    """
    transaction.share_turns("vectors", workspace_id)
    statement = sa.select(workspace.c.vectors_number, workspace.c.embedder).filter_by(workspace_id=workspace_id)
    row = transaction.execute(statement).one_or_none()
    if row is None:
        return
    current = row.embedder or rag_config(transaction.connection, workspace_id).embedder
    if (row.vectors_number, current) != (number, embedder):
        raise ModelChanged(workspace_id)
    if row.embedder is None:
        _update(transaction, workspace_id, embedder=embedder)


def change_vectors(transaction: Transaction, workspace_id: WorkspaceId) -> None:
    """Let nobody write vectors into a workspace until this transaction is over."""
    transaction.take_turns("vectors", workspace_id)


def touch_index(transaction: Transaction, workspace_id: WorkspaceId) -> None:
    """Say that what can be searched in a workspace has changed."""
    _update(transaction, workspace_id, index_number=workspace.c.index_number + 1)


def default_rag_config(connection: sa.Connection, user_id: UserId) -> RagConfig:
    """What a user's workspaces have where they set nothing themselves."""
    return RagConfig.merged(_default(connection, user_id))


def set_default_rag_config(transaction: Transaction, user_id: UserId, config: Mapping[str, Any]) -> None:
    """Replace a user's defaults."""
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    statement = insert(rag_default).values(user_id=user_id, rag_config=dict(config))
    changed = {"rag_config": statement.excluded.rag_config}
    transaction.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=changed))


def rag_config(connection: sa.Connection, workspace_id: WorkspaceId) -> RagConfig:
    """The settings in force in a workspace."""
    return _in_force(connection.execute(_SETTINGS.where(workspace.c.workspace_id == workspace_id)).one_or_none())


def of_job(connection: sa.Connection, job_id: JobId) -> WorkspaceId:
    """Where a job works; empty for one that works nowhere."""
    return WorkspaceId(connection.execute(sa.select(job.c.workspace_id).filter_by(job_id=job_id)).scalar() or "")


def rag_config_of_job(connection: sa.Connection, job_id: JobId) -> RagConfig:
    """The settings in force where a job works."""
    own = sa.select(job.c.workspace_id).where(job.c.job_id == job_id).scalar_subquery()
    return _in_force(connection.execute(_SETTINGS.where(workspace.c.workspace_id == own)).one_or_none())


def _in_force(row: sa.Row[Any, Any, Any] | None) -> RagConfig:
    if row is None:
        return RagConfig()
    # Its vectors are of one model, until a job has made all of them anew.
    pinned = {} if row.embedder is None else {"embedder": row.embedder}
    return RagConfig.merged(row.default_config or {}, row.rag_config, pinned)


def _default(connection: sa.Connection, user_id: UserId) -> dict[str, Any]:
    found = connection.execute(sa.select(rag_default.c.rag_config).filter_by(user_id=user_id)).scalar()
    return found or {}


def _update(transaction: Transaction, workspace_id: WorkspaceId, **values: Any) -> None:
    transaction.execute(sa.update(workspace).where(workspace.c.workspace_id == workspace_id).values(values))


def _report(transaction: Transaction, changed: Workspace) -> None:
    record.append(transaction, changed.user_id, [workspace_frame(changed, transaction.now)])


def _counted() -> sa.Select[Any]:
    count = sa.select(sa.func.count()).where(
        document.c.workspace_id == workspace.c.workspace_id, document.c.deleted_at.is_(None)
    )
    return sa.select(workspace, count.scalar_subquery().label("document_count"))
