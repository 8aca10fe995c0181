"""The pulls of a bench: real files and locks, a ledger in memory, no login."""

from __future__ import annotations

from pathlib import Path

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.services.ports import Lease, ProviderStatus
from steersman.services.pulls import Puller, create
from steersman.services.pulls.settings import read


class NoLogins:
    """Nobody has to log in to a bench's own provider."""

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        raise Misconfigured(f"there is no provider {provider!r} in a bench", fix="declare none")

    def status(self) -> list[ProviderStatus]:
        return []


def puller(root: Path) -> Puller:
    """Return the pulls that steersman.toml in `root` declares."""
    file = TomlFile((root / "steersman.toml").read_text(encoding="utf-8"), name="steersman.toml")
    return create(
        root=root,
        state=root / "services",
        settings=read(file, root, providers=()),
        credentials=NoLogins(),
        ledger=factory("ledgers", "memory")(),
        clock=SystemClock(),
    )
