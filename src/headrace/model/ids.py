"""The names by which things are known."""

from typing import NewType

import uuid_utils

JobId = NewType("JobId", str)
DocumentId = NewType("DocumentId", str)
WorkspaceId = NewType("WorkspaceId", str)
UserId = NewType("UserId", str)
BlobKey = NewType("BlobKey", str)

LOCAL_USER = UserId("local")
"""The owner of everything while no authentication is configured."""


def new_id() -> str:
    """A UUIDv7: unique, and sorted by the time of its making within one process."""
    return str(uuid_utils.uuid7())
