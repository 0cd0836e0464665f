"""Contexts that are entered one before they are needed."""

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
Entered = TypeVar("Entered")


class Early(Generic[Entered]):
    """A context that is entered at once. What goes wrong with that is raised where it would have been entered."""

    def __init__(self, context: AbstractContextManager[Entered]) -> None:
        self._stack = ExitStack()
        self._error: Exception | None = None
        try:
            self._entered = self._stack.enter_context(context)
        except Exception as error:  # noqa: BLE001  (whoever asks for the context gets it)
            self._error = error

    def __enter__(self) -> Entered:
        if self._error is not None:
            raise self._error
        return self._entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def close(self) -> None:
        """Leave the context, if nobody has."""
        self._stack.close()


def one_ahead(
    things: Iterable[Thing], context: Callable[[Thing], AbstractContextManager[Entered]]
) -> Generator[tuple[Thing, Early[Entered]]]:
    """Each thing with its context, when that of the next one has been entered, too; both are left at the end."""
    with ExitStack() as stack:
        waiting: tuple[Thing, Early[Entered]] | None = None
        for thing in things:
            following = thing, Early(context(thing))
            stack.callback(following[1].close)
            if waiting is not None:
                yield waiting
            waiting = following
        if waiting is not None:
            yield waiting
