"""The bridge to Apprise: one address, one attempt, its own words about a failure with everything secret taken out."""

from __future__ import annotations

import importlib.util
import re
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.services.notices.adapters.apprise.settings import AppriseSettings
from steersman.services.notices.model import Message, text
from steersman.services.notices.wording import calm, clean

if TYPE_CHECKING:
    import apprise

_KINDS: Final = {"info": "info", "warn": "warning", "critical": "failure"}
_PIECES: Final = re.compile(r"[:/@?&=;,\s]+")
_STATUS: Final = re.compile(r"error=(\d{3})")
_SHORTEST: Final = 3
_NOT_LET_IN: Final = (401, 403, 404, 405, 410)
# Apprise keeps what it logs per logger, not per thread: attempts of one process take turns.
_one_at_a_time = threading.Lock()


class AppriseNotifier:
    """Looks its address up at each message, so that a corrected one needs no restart."""

    def __init__(self, *, name: str, settings: AppriseSettings, desk: str, secret: Callable[[str], str]) -> None:
        self._name = name
        self._settings = settings
        self._desk = desk
        self._secret = secret

    def send(self, message: Message) -> str:
        module = _apprise(self._name)
        address = self._secret(self._settings.url)
        service = self._service(module, address)
        told: list[str] = []
        line = calm(f"[{clean(self._desk)}] {message.first}")
        with _one_at_a_time:
            result = service.notify(
                body=calm(text(message) or message.first),
                title=line,
                notify_type=module.NotifyType(_KINDS[message.severity]),
                body_format=module.NotifyFormat.TEXT,
                timeout=2 * self._settings.timeout_s,
                log_callback=lambda entry, _: told.append(str(entry.message)),
            )
        if result:
            return f"{_schema(address)} took it"
        raise self._refusal(address, told)

    def _service(self, module: Any, address: str) -> apprise.Apprise:
        made = module.Apprise.instantiate(address)
        if made is None:
            raise Misconfigured(
                f"{self._settings.url} holds no address that Apprise knows",
                fix="put e.g. ntfy://ntfy.sh/TOPIC or mailto://USER:PASSWORD@HOST?to=ME there",
            )
        made.socket_connect_timeout = made.socket_read_timeout = self._settings.timeout_s
        # In parts rather than not at all, where a service takes short messages only.
        made.overflow_mode = module.OverflowMode.SPLIT
        service: apprise.Apprise = module.Apprise()
        service.add(made)
        return service

    def _refusal(self, address: str, told: list[str]) -> Unavailable | Rejected | Misconfigured:
        """Return what Apprise said, as what it means for another attempt; it does not say what may have arrived."""
        said = scrubbed("; ".join(told), address) or "it did not say why"
        what = f"{_schema(address)}: {said}"
        found = _STATUS.search(" ".join(told))
        status = int(found.group(1)) if found else 0
        fix = f"steersman notify test {self._name}, with the address in {self._settings.url} corrected"
        if status in _NOT_LET_IN:
            return Misconfigured(what, fix=fix)
        if 400 <= status < 500 and status not in (408, 425, 429):
            return Rejected(what, fix=fix)
        if status:
            return Unavailable(what, fix=fix)
        return OutcomeUnknown(what, fix=fix)


def scrubbed(said: str, address: str) -> str:
    """Return `said` without any piece of `address`: hosts, users and paths are tokens with some services."""
    pieces = {piece for piece in _PIECES.split(address) if len(piece) >= _SHORTEST}
    pieces |= {unquote(piece) for piece in pieces}
    for piece in sorted(pieces - {_schema(address)}, key=len, reverse=True):
        said = said.replace(piece, "***")
    return clean(said)


def _schema(address: str) -> str:
    return address.partition("://")[0][:20]


def _apprise(name: str) -> Any:
    try:
        with _one_at_a_time, warnings.catch_warnings():
            # Its mail part tries a module that Python 3.13 dropped, to stand in for it.
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise  # an optional dependency, and a slow one

            # Services are loaded when they are first looked for: here, where nobody else is told of it.
            apprise.Apprise.instantiate("json://localhost")
    except ImportError as exc:
        raise _missing(name) from exc
    return apprise


def _missing(name: str) -> Misconfigured:
    return Misconfigured(f"notify.{name} needs Apprise, which is not installed", fix="pip install 'steersman[notify]'")


def create(
    *, name: str, settings: AppriseSettings, root: Path, desk: str, secret: Callable[[str], str], clock: Clock
) -> AppriseNotifier:
    """Return the target; Apprise is loaded at the first message.

    Raises:
        Misconfigured: Apprise is not installed.
    """
    if importlib.util.find_spec("apprise") is None:
        raise _missing(name)
    return AppriseNotifier(name=name, settings=settings, desk=desk, secret=secret)
