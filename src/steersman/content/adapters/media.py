"""The pictures of a post, as they were when it was planned."""

from __future__ import annotations

import hashlib
from pathlib import Path

from steersman.content.ports import Media
from steersman.kernel.errors import Rejected


def content_of(media: Media) -> bytes:
    """Return the bytes of a picture.

    Raises:
        Rejected: its stored copy cannot be read, or is not what was planned.
    """
    try:
        content = Path(media.path).read_bytes()
    except OSError as exc:
        raise Rejected(
            f"the picture {media.name} cannot be read: {exc.strerror or exc}", fix="publish the draft again"
        ) from exc
    if hashlib.sha256(content).hexdigest() != media.sha256:
        raise Rejected(
            f"the stored copy of the picture {media.name} is not what was planned", fix="publish the draft again"
        )
    return content
