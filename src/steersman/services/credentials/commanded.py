"""What every login has in common that a command of the operator prints."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from steersman.services.credentials import command
from steersman.services.credentials.provider import Login, ProviderSettings, Surroundings, nothing_to_paste


class CommandSettings(ProviderSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what was printed is good, and how it travels."""

    life: str = "5m"
    header: str = "Authorization"
    scheme: str = "Bearer"


class Commanded:
    """A login whose secret is printed anew whenever the last one is due; nothing is spent, pasted or revoked."""

    static = False
    from_where = "it logs in by its command"

    def __init__(self, around: Surroundings, settings: CommandSettings) -> None:
        self._around = around
        self._asked_by = settings
        self.header, self.scheme = settings.header, settings.scheme

    def spends(self, login: Login) -> bool:
        return False

    def inputs(self, login: Login) -> tuple[str, ...]:
        return (msgspec.json.encode(self._asked_by).decode(),)

    def pasted(self, secret: str) -> Login:
        raise nothing_to_paste(self._around.name, fix=self.from_where)

    def revoke(self, login: Login) -> bool:
        return False

    def _printed(self, words: Sequence[str]) -> bytes:
        """Return what the command printed. Raises as `command.run`."""
        around = self._around
        timeout_s = self._asked_by.timeout_s
        return command.run(words, name=around.name, root=around.root, timeout_s=timeout_s, clock=around.clock)
