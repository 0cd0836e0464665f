"""What an owner does with a workspace's webhook: set it, look at it and at its deliveries, remove it."""

import base64
import binascii
import secrets
from collections.abc import Sequence

from headrace.model.errors import InvalidField, WebhookNotFound
from headrace.model.ids import UserId
from headrace.model.vocabulary import EventType
from headrace.settings import Settings
from headrace.store import webhooks, workspaces
from headrace.store.database import Database
from headrace.store.webhooks import Delivery, Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every such secret begins with
SECRET_BYTES = 24
LONGEST_SECRET_BYTES = 64
LONGEST_URL = 2_000
TYPES = tuple(kind.value for kind in EventType if kind not in {EventType.SNAPSHOT, EventType.RESET})
USUAL_TYPES = tuple(kind for kind in TYPES if kind != EventType.JOB_PROGRESS)
"""Progress comes many times a second, so it is posted only to who asks for it."""


class Webhooks:
    """Every verb takes the user on whose behalf it is called. The methods block for the database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def put(
        self, user_id: UserId, workspace: str, url: str, *, secret: str | None, types: Sequence[str] | None
    ) -> tuple[Webhook, bool]:
        """Set a workspace's webhook; returns it and whether its secret is new, and so may be shown.

        Without a `secret`, the one that is there is kept, or one is made.

        Raises:
            WorkspaceNotFound: there is none, or it is someone else's.
            InvalidField: the URL may not be posted to, or the secret or a type is none.
        """
        self._check(url, secret, types)
        with self._database.write(durable=True) as transaction:
            found = workspaces.get(transaction.connection, user_id, workspace)
            there = webhooks.find(transaction.connection, found.workspace_id)
            new = Webhook(
                workspace_id=found.workspace_id,
                user_id=user_id,
                url=url,
                secret=secret or (there.secret if there else _new_secret()),
                types=USUAL_TYPES if types is None else types,
                number=0,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            return webhooks.put(transaction, new), there is None or there.secret != new.secret

    def get(self, user_id: UserId, workspace: str) -> Webhook:
        """A workspace's webhook.

        Raises:
            WebhookNotFound: the workspace has none.
        """
        with self._database.read() as connection:
            workspace_id = workspaces.get(connection, user_id, workspace).workspace_id
            found = webhooks.find(connection, workspace_id)
        if found is None:
            raise WebhookNotFound(workspace)
        return found

    def delete(self, user_id: UserId, workspace: str) -> None:
        """Forget a workspace's webhook, and what was still to be delivered.

        Raises:
            WebhookNotFound: the workspace has none.
        """
        with self._database.write(durable=True) as transaction:
            workspace_id = workspaces.get(transaction.connection, user_id, workspace).workspace_id
            if not webhooks.delete(transaction, workspace_id):
                raise WebhookNotFound(workspace)

    def list_deliveries(self, user_id: UserId, workspace: str, *, limit: int, before: int | None) -> list[Delivery]:
        """A page of a webhook's deliveries, newest first, from the one after `before` on."""
        found = self.get(user_id, workspace)
        with self._database.read() as connection:
            return webhooks.select_page(connection, found.workspace_id, limit=limit, before=before)

    def _check(self, url: str, secret: str | None, types: Sequence[str] | None) -> None:
        from headrace.relays.webhooks.guard import Refused, check_url  # with httpx, which few servers need

        try:
            check_url(url, allow_private=self._settings.webhook_allow_private)
        except Refused as error:
            raise InvalidField.single("url", str(error)) from error
        if secret is not None and not _is_secret(secret):
            raise InvalidField.single(
                "secret", f"must be {SECRET_PREFIX} and {SECRET_BYTES} to {LONGEST_SECRET_BYTES} bytes in base64"
            )
        unknown = [kind for kind in types or () if kind not in TYPES]
        if unknown:
            raise InvalidField.single("types", f"has no event type {unknown[0][:80]!r}; there are {', '.join(TYPES)}")


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _is_secret(text: str) -> bool:
    if not text.startswith(SECRET_PREFIX):
        return False
    try:
        decoded = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return SECRET_BYTES <= len(decoded) <= LONGEST_SECRET_BYTES
