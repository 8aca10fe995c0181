"""The pulls of a bench: real files and locks, a ledger in memory, no login."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steersman.bootstrap.plugins import factory, setting_type
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.services.commons.settings import read as read_shared
from steersman.services.ports import Lease, ProviderStatus
from steersman.services.pulls import Puller, create
from steersman.services.pulls.settings import read


class NoLogins:
    """Nobody has to log in to a bench's own provider."""

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        raise Misconfigured(f"there is no provider {provider!r} in a bench", fix="declare none")

    def status(self) -> list[ProviderStatus]:
        return []


@contextmanager
def pulling(root: Path) -> Iterator[Puller]:
    """Yield the pulls that steersman.toml in `root` declares, with the commons if it names some."""
    file = TomlFile((root / "steersman.toml").read_text(encoding="utf-8"), name="steersman.toml")
    shared = read_shared(file, root, lambda kind: setting_type("commons", kind))
    clock = SystemClock()
    commons = factory("commons", shared.kind)(shared, root=root, clock=clock) if shared else None
    with contextlib.closing(commons) if commons else contextlib.nullcontext():
        pulls = create(
            root=root,
            state=root / "services",
            settings=read(file, root, providers=()),
            credentials=NoLogins(),
            ledger=factory("ledgers", "memory")(),
            clock=clock,
            commons=commons,
            shared=shared,
        )
        with contextlib.closing(pulls):
            yield pulls
