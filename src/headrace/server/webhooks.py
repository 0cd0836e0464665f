"""The routes of a workspace's webhook and of its deliveries."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field

from headrace.model.errors import BadRequest, InvalidField, WebhookNotFound, WorkspaceNotFound
from headrace.model.event import instant
from headrace.model.ids import UserId
from headrace.server.bodies import Body
from headrace.server.context import Context, context
from headrace.server.listing import NOT_MODIFIED, AfterNumber, IfNoneMatch, Limit, listed
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.service.webhooks import LONGEST_URL, Webhooks
from headrace.store.webhooks import Delivery, Webhook

router = APIRouter(tags=["webhooks"])


def _webhooks(app: Annotated[Context, Depends(context)]) -> Webhooks:
    return Webhooks(app.database, app.settings)


User = Annotated[UserId, Depends(user)]
Hooks = Annotated[Webhooks, Depends(_webhooks)]
PATH = "/workspaces/{workspace_id}/webhook"
UNKNOWN = documented(WorkspaceNotFound, WebhookNotFound)


class WebhookBody(Body):
    """`PUT /workspaces/{id}/webhook`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]
    secret: Annotated[str, Field(max_length=128)] | None = None
    types: Annotated[list[str], Field(min_length=1, max_length=50)] | None = None


@router.put(PATH, responses=documented(WorkspaceNotFound, InvalidField))
async def set_webhook(workspace_id: str, body: WebhookBody, hooks: Hooks, owner: User) -> dict[str, Any]:
    """Have a workspace's events posted to a URL from now on. A new `secret` is shown here, once."""
    made, is_new_secret = await asyncio.to_thread(
        hooks.put, owner, workspace_id, body.url, secret=body.secret, types=body.types
    )
    return _view(made) | ({"secret": made.secret} if is_new_secret else {})


@router.get(PATH, responses=UNKNOWN)
async def get_webhook(workspace_id: str, hooks: Hooks, owner: User) -> dict[str, Any]:
    """A workspace's webhook, without its secret."""
    return _view(await asyncio.to_thread(hooks.get, owner, workspace_id))


@router.delete(PATH, status_code=204, responses=UNKNOWN)
async def delete_webhook(workspace_id: str, hooks: Hooks, owner: User) -> Response:
    """Post nothing more, not even what is still to be delivered."""
    await asyncio.to_thread(hooks.delete, owner, workspace_id)
    return Response(status_code=204)


@router.get(f"{PATH}/deliveries", responses=NOT_MODIFIED | UNKNOWN | documented(BadRequest))
async def list_deliveries(
    workspace_id: str,
    hooks: Hooks,
    owner: User,
    cursor: AfterNumber,
    limit: Limit = 50,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """How each event's delivery goes, newest first."""
    found = await asyncio.to_thread(hooks.list_deliveries, owner, workspace_id, limit=limit + 1, before=cursor)
    shown = found[:limit]
    next_cursor = str(shown[-1].delivery_id) if len(found) > limit else None
    return listed("deliveries", [_delivery_view(one) for one in shown], next_cursor, if_none_match)


def _view(hook: Webhook) -> dict[str, Any]:
    return {
        "workspace_id": hook.workspace_id,
        "url": hook.url,
        "types": list(hook.types),
        "created_at": instant(hook.created_at),
        "updated_at": instant(hook.updated_at),
    }


def _delivery_view(one: Delivery) -> dict[str, Any]:
    return {
        "id": str(one.delivery_id),
        "event_id": one.event_id,
        "type": one.type,
        "status": one.status.value,
        "attempts": one.attempts,
        "last_error": one.last_error,
        "next_attempt_at": None if one.next_attempt_at is None else instant(one.next_attempt_at),
        "created_at": instant(one.created_at),
    }
