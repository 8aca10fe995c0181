"""Which machine this is: an id that no other workspace has, whatever its host is called."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path


def machine_id(folder: Path) -> str:
    """Return the id of the workspace that keeps `folder`, made by whoever asks first; hosts may have one name.

    A workspace that is copied takes its id along: two that run at once from one copy are taken for one machine.
    """
    path = folder / "machine-id"
    while True:
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = folder / f".machine-id.{os.getpid()}.{threading.get_ident()}"
            try:
                beside.write_text(secrets.token_hex(8), encoding="ascii")
                beside.chmod(0o600)
                # A link, unlike a move, leaves what another process put there a moment ago.
                os.link(beside, path)
            except FileExistsError:
                pass
            finally:
                beside.unlink(missing_ok=True)
