"""What this workspace shares with other machines, if steersman.toml says through which server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import Workspace
from steersman.kernel.clock import Clock, SystemClock
from steersman.services.commons import Commons, SharedSettings

if TYPE_CHECKING:
    from steersman.automation.admission.across_machines import AcrossMachines

_guard: Final = threading.Lock()
_across: Final[dict[tuple[Path, SharedSettings], AcrossMachines]] = {}


def open_commons(workspace: Workspace, clock: Clock) -> Commons | None:
    """Return the commons of `[shared]`, None without it: then nothing is imported, and nothing changes.

    Nobody is asked yet: a server that is away is found out by the first question.

    Raises:
        Misconfigured: what `url` refers to is not there or is no address, or a package is missing; says which.
    """
    settings = workspace.shared
    if settings is None:
        return None
    commons: Commons = factory("commons", settings.kind)(settings, root=workspace.root, clock=clock)
    return commons


def tokens_across(workspace: Workspace) -> AcrossMachines | None:
    """Return who counts the tokens that machines share, None without `[shared]`; one for all who ask in this process.

    A manifest is made often, and each engine has one; what a process holds must be spoken for by one thread.

    Raises:
        Misconfigured: as `open_commons`.
    """
    from steersman.automation.admission.across_machines import AcrossMachines  # few declare such tokens

    if workspace.shared is None:
        return None
    key = (workspace.services, workspace.shared)
    with _guard:
        found = _across.get(key)
        if found is None:
            clock = SystemClock()
            commons = open_commons(workspace, clock)
            assert commons is not None  # noqa: S101 - [shared] is there
            _across[key] = found = AcrossMachines(commons, workspace.shared, workspace.services, clock)
        return found
