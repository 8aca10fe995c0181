"""The broker of a workspace, opened for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from steersman.cli.context import HERE, Dir, opened

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.services.credentials.broker import Broker


@contextmanager
def opened_broker(directory: Dir = HERE) -> Iterator[tuple[Desk, Broker]]:
    """Open the workspace at or above `directory`, and its logins; close both after."""
    from steersman.bootstrap.commons import open_commons  # `--help` needs no services
    from steersman.bootstrap.services import check_owner
    from steersman.services.credentials import create

    with opened(directory) as desk:
        workspace = desk.workspace
        check_owner(workspace)
        commons = open_commons(workspace, desk.clock)
        broker = create(
            root=workspace.root,
            state=workspace.services,
            providers=workspace.providers,
            ledger=desk.ledger,
            clock=desk.clock,
            commons=commons,
            shared=workspace.shared,
        )
        try:
            yield desk, broker
        finally:
            broker.close()
            if commons is not None:
                commons.close()
