"""Reads a log while it grows."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.2
_CHUNK = 1 << 16
_nobody = threading.Event()


def follow(
    path: Path, ended: Callable[[], bool], *, wait: Callable[[float], object] = _nobody.wait, poll_s: float = POLL_S
) -> Iterator[str]:
    """Yield what is in the log at `path` and then what is added, as safe text, until the run has ended.

    A file that is not there yet is waited for; so is what is no plain file, see `open_log`. The
    middle of a long log is not written until its end is known, so what comes after the limit appears when the run ends.

    Args:
        ended: whether the run is over; what was written until then is still yielded.
        wait: sleeps that many seconds.
    """
    safe = SafeText()
    fd: int | None = None
    try:
        while True:
            # Asked before the last look, so that what is written in between is not missed.
            over = ended()
            fd = _open(path) if fd is None else fd
            while fd is not None and (chunk := os.read(fd, _CHUNK)):
                if text := safe.take(chunk):
                    yield text
            if over:
                if rest := safe.end():
                    yield rest
                return
            wait(poll_s)
    finally:
        if fd is not None:
            os.close(fd)


def open_log(path: Path) -> int:
    """Return a descriptor of the log at `path`.

    Raises:
        OSError: there is none, or a script has put something else in its place: a link could lead to a secret, and who
            opens a pipe waits for somebody to write.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "it is no plain file", str(path))


def _open(path: Path) -> int | None:
    try:
        return open_log(path)
    except OSError:
        return None


class SafeText:
    """Bytes of a script as text that may be shown: what would drive a terminal becomes U+FFFD, `\\r\\n` a line's end.

    Takes the bytes in any pieces; a character or a line's end that is cut in two comes out whole.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def take(self, chunk: bytes) -> str:
        """Return the text that is certain after `chunk`."""
        return self._shown(self._held + self._decoder.decode(chunk))

    def end(self) -> str:
        """Return what was held back."""
        return self._shown(self._held + self._decoder.decode(b"", final=True), final=True)

    def _shown(self, text: str, *, final: bool = False) -> str:
        self._held = "\r" if text.endswith("\r") and not final else ""
        text = text[: len(text) - len(self._held)].replace("\r\n", "\n")
        return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)
