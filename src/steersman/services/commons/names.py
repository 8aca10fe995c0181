"""What a record may be called and weigh: the same on every server, so that nothing breaks when it is changed."""

from __future__ import annotations

import re
from typing import Final

from steersman.kernel.errors import Rejected
from steersman.services.commons.ports import MOST_BYTES

_NAME: Final = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_SHOWN: Final = 60


def checked(name: str) -> str:
    """Return `name`.

    Raises:
        Rejected: no record and no lock can be called so.
    """
    if not _NAME.fullmatch(name):
        shown = ascii(name[:_SHOWN])
        raise Rejected(
            f"nothing shared can be called {shown} ({len(name)} characters)",
            fix="allowed are 1 to 200 of a-z A-Z 0-9 . _ - /",
        )
    return name


def check_size(name: str, data: bytes) -> None:
    """Refuse what no adapter takes.

    Raises:
        Rejected: it is too large.
    """
    if len(data) > MOST_BYTES:
        raise Rejected(
            f"{name}: {len(data):,} bytes are too large to share; allowed: {MOST_BYTES:,}",
            fix="share a smaller piece, or lower `largest` in [shared] so that each machine pulls it itself",
        )
