"""Every call of ccxt: bounded, without side effects on our arithmetic, its errors told in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import localcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

from steersman.kernel.errors import Conflict, OutcomeUnknown, SteersmanError, Unavailable
from steersman.trading.adapters.ccxt.exchanges import Exchange

if TYPE_CHECKING:
    from steersman.trading.adapters.ccxt.wire import Wire

T = TypeVar("T")
_CHANGING: Final = ("create_order", "cancel_order")
_CONFUSED: Final = (
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    ValueError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)
"""What ccxt raises when an answer has not the shape it expects."""


class Refused(Exception):
    """The exchange understood, and said no. `reason` is its answer, without secrets, cut to 200 characters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotThere(Refused):
    """The exchange has no such order, or no longer."""


class Calls:
    """Calls ccxt. One thread."""

    def __init__(self, *, name: str, about: Exchange, exchange: Any, errors: Any, wire: Wire) -> None:
        self.exchange = exchange
        self._name = name
        self._about = about
        self._errors = errors
        self._wire = wire

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Bound everything asked within by the timeout; a call of the port is one such span."""
        with self._wire.within():
            yield

    def close(self) -> None:
        """End connections."""
        self._wire.close()

    def apply(self, function: Callable[..., T], *args: Any) -> T:
        """Return what a function of ours makes of ccxt's tables and answers, with the errors of a call of ccxt."""
        self._wire.begin(changes=False)
        with self._guarded(function.__name__):
            return function(*args)

    def __call__(self, method: str, *args: Any, **named: Any) -> Any:
        """Return what `exchange.method(...)` returns.

        Raises:
            Refused: a definite no to a change.
            NotThere: the exchange has no such order.
            Conflict: the client order id was used before.
            Unavailable: nothing was taken, or nothing was to be taken.
            OutcomeUnknown: a change may have been made.
        """
        self._wire.begin(changes=method in _CHANGING)
        with self._guarded(method):
            result = getattr(self.exchange, method)(*args, **named)
        self._check_shape(method)
        return result

    def _check_shape(self, method: str) -> None:
        """Raise Unavailable unless the answer holds what was asked for: ccxt makes "none" of what it cannot find."""
        shape = self._about.shapes.get(method)
        if shape is None:
            return
        path, kind = shape
        told = self._wire.told
        for key in path:
            told = told.get(key) if isinstance(told, dict) else None
        if not isinstance(told, list if kind == "list" else dict):
            found = self._wire.clean(str(self._wire.told))
            raise Unavailable(
                f"{self._name} gave an answer to {method} without what was asked: {found}", fix="try again"
            )

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        # ccxt sets traps and the rounding of whatever decimal context it finds: not of ours.
        with localcontext():
            try:
                yield
            except self._errors.BaseError as exc:
                # Without the cause: it quotes whole answers, in which a proxy may show us our own headers.
                raise self._told(exc) from None
            except _CONFUSED as exc:
                raise self._unreadable(what, exc) from exc

    def _told(self, exc: Exception) -> Exception:
        e, text = self._errors, self._wire.clean(str(exc))
        if isinstance(exc, e.DuplicateOrderId) or any(mark in str(exc) for mark in self._about.duplicate):
            return Conflict(
                f"{self._name} has an order of this id already", fix="look it up; one order id is sent once"
            )
        if isinstance(exc, e.InvalidNonce):
            return Unavailable(
                f"{self._name} refuses requests of our clock: {text}", fix="set this machine's clock (NTP); try again"
            )
        if isinstance(exc, e.RateLimitExceeded | e.DDoSProtection):
            return Unavailable(f"{self._name} asks to wait: {text}", fix="wait; ask less often (poll_every)")
        if isinstance(exc, e.AuthenticationError):
            return Unavailable(
                f"{self._name} refuses our API key: {text}",
                fix="check key, secret and password, and what the key may do",
            )
        if isinstance(exc, e.OrderNotFound):
            return NotThere(text)
        if isinstance(exc, e.ExchangeError) and not self._wire.changes:
            return Unavailable(f"{self._name} does not tell: {text}", fix="check what the key may read; try again")
        if isinstance(exc, e.ExchangeError) and self._is_definite(exc):
            return Refused(text)
        return self._unsure(f"{self._name}: {text}")

    def _is_definite(self, exc: Exception) -> bool:
        """Say whether this is a no to what was asked, and not ccxt being at a loss.

        ccxt raises ExchangeError itself for what it has no name for. In an answer of status 4xx that is still a
        refusal; in one of 2xx it may be anything. Without an answer ccxt said no before anything was sent.
        """
        status = self._wire.status
        return not self._wire.sent or type(exc) is not self._errors.ExchangeError or (status or 0) >= 400

    def _unreadable(self, method: str, exc: Exception) -> SteersmanError:
        found = f"{type(exc).__name__}: {self._wire.clean(str(exc))}"
        if self._wire.status is None and not self._wire.sent:
            return Unavailable(
                f"{method} of {self._name} could not even be asked ({found})", fix="check key, secret and password"
            )
        return self._unsure(f"{self._name} gave an answer to {method} that makes no sense ({found})")

    def _unsure(self, message: str) -> SteersmanError:
        if self._wire.sent:
            return OutcomeUnknown(message, fix="run `steersman reconcile`: the order may be there")
        return Unavailable(message, fix="try again; its status page may say more")
