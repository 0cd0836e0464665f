"""Lists of a server, which come in pages."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

PAGE = 100

Ask = Callable[..., Mapping[str, Any]]
"""A verb of the client that takes `limit` and `cursor`."""


def every(ask: Ask, name: str, size: int = PAGE) -> Iterator[dict[str, Any]]:
    """All that is listed under `name`, in pages of that size, as far as somebody reads on."""
    cursor = None
    while True:
        page = ask(limit=size, cursor=cursor)
        yield from page[name]
        cursor = page.get("next_cursor")
        if not cursor:
            return


def first(ask: Ask, name: str, most: int) -> list[dict[str, Any]]:
    """So many of them, at most."""
    return list(islice(every(ask, name, min(PAGE, most)), most))
