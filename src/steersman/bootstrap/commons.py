"""What this workspace shares with other machines, if steersman.toml says through which server."""

from __future__ import annotations

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import Workspace
from steersman.kernel.clock import Clock
from steersman.services.commons import Commons


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
