"""What may go wrong as a value: `Ok` with what was asked for, or `Err` with the reason."""

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)


class UnwrapError(RuntimeError):
    """An `Err` was asked for the value that it does not have."""


@dataclass(frozen=True, slots=True)
class Ok(Generic[T_co]):
    """It worked; `value` is the outcome."""

    value: T_co

    def is_ok(self) -> bool:
        """True."""
        return True

    def is_err(self) -> bool:
        """False."""
        return False

    def unwrap(self) -> T_co:
        """The outcome."""
        return self.value

    @property
    def error(self) -> None:
        """Nothing went wrong."""
        return


@dataclass(frozen=True, slots=True)
class Err(Generic[E_co]):
    """It did not work; `error` says why."""

    error: E_co

    def is_ok(self) -> bool:
        """False."""
        return False

    def is_err(self) -> bool:
        """True."""
        return True

    def unwrap(self) -> NoReturn:
        """Fail: there is no outcome.

        Raises:
            UnwrapError: always, with the reason.
        """
        raise UnwrapError(str(self.error))


Result: TypeAlias = Ok[T_co] | Err[E_co]
