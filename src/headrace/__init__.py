"""Headrace: document ingestion with live, durable progress.

`Headrace` is the product inside an application of yours, `track` reports a long task of yours to a server.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.client.track import TaskCancelled, track
    from headrace.embedded import Headrace

__all__ = ["Headrace", "TaskCancelled", "track"]

_HOMES = {"Headrace": "headrace.embedded", "TaskCancelled": "headrace.client.track", "track": "headrace.client.track"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: a command that needs none of them starts at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
