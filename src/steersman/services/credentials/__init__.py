"""The credential broker: keeps every login fresh, hands out leases, tells nobody a secret it need not know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steersman.kernel.clock import Clock
    from steersman.ledger import Ledger
    from steersman.services.commons import Commons, SharedSettings
    from steersman.services.credentials.broker import Broker
    from steersman.services.credentials.places import KeyPlace
    from steersman.services.credentials.provider import ProviderSettings

__all__ = ["create", "key_place"]


def create(
    *,
    root: Path,
    state: Path,
    providers: dict[str, ProviderSettings],
    ledger: Ledger,
    clock: Clock,
    commons: Commons | None = None,
    shared: SharedSettings | None = None,
) -> Broker:
    """Return the broker of a workspace; any process may have one, and all share what is stored below `state`.

    Args:
        root: the workspace's folder, which references and commands are relative to.
        state: folder of the shared services (`Workspace.services`); made with mode 0700.
        commons: what `shared` names; None: logins are this machine's alone. Closed by whoever opened it.
    """
    # Start-up time: every command reads settings from this package, few lease.
    from steersman.services.credentials.broker import Broker

    return Broker(
        root=root, state=state, providers=providers, ledger=ledger, clock=clock, commons=commons, shared=shared
    )


def key_place(state: Path) -> KeyPlace:
    """Return where the keys that seal logins below `state` are, or would be made; asks for nothing secret.

    Raises:
        Corrupt: what was written down about it is damaged.
    """
    from steersman.services.credentials.places import Places  # as above

    return Places(state).describe()
