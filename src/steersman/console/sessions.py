"""Who is signed in: a signed cookie, a token against forged requests, and a limit on guessing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from typing import Final

from steersman.kernel.clock import Clock

LASTS_S: Final = 30 * 86_400
"""Seconds after which one signs in again."""
_ATTEMPTS: Final = 5
_WINDOW_S: Final = 60


class Sessions:
    """Makes and checks session cookies; they outlive a restart of the desk, and end when the token is replaced."""

    def __init__(self, token: str, clock: Clock) -> None:
        """Derive the signing key from `token`, which is random and secret."""
        self._token = token.encode()
        self._key = hmac.digest(self._token, b"steersman session key", "sha256")
        self._clock = clock
        # Browsers share cookies between the ports of a host: two desks must not sign each other out.
        self.cookie = f"steersman_{self._mac('cookie name')[:8].lower()}"

    def opens(self, token: str) -> bool:
        """Say whether `token` is the one; takes equally long for every wrong one."""
        return hmac.compare_digest(
            hashlib.sha256(token.encode("utf-8", "replace")).digest(), hashlib.sha256(self._token).digest()
        )

    def issue(self) -> str:
        """Return the value of a new session's cookie."""
        body = f"{secrets.token_hex(16)}.{self._clock.now_ns() // 1_000_000_000 + LASTS_S}"
        return f"{body}.{self._mac(body)}"

    def is_valid(self, value: str) -> bool:
        """Say whether `value` was issued here and has not expired."""
        body, _, mac = value.rpartition(".")
        if not body or not hmac.compare_digest(self._mac(body).encode(), mac.encode("utf-8", "replace")):
            return False
        return int(body.rpartition(".")[2]) * 1_000_000_000 > self._clock.now_ns()

    def csrf(self, value: str) -> str:
        """Return what a page of the session `value` must send with every request that changes something."""
        return self._mac(f"csrf {value}")

    def is_from_page(self, value: str, sent: str) -> bool:
        return hmac.compare_digest(self.csrf(value).encode(), sent.encode("utf-8", "replace"))

    def _mac(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "replace"), "sha256")
        return base64.b32encode(digest).decode().rstrip("=")


class Guesses:
    """Counts failed sign-ins: after five within a minute, the next has to wait until the first is a minute old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: list[int] = []

    def wait_s(self) -> int:
        """Return the seconds until another attempt is looked at, 0 for none."""
        with self._lock:
            now = self._clock.elapsed_ns()
            self._failed = [at for at in self._failed if now - at < _WINDOW_S * 1_000_000_000]
            if len(self._failed) < _ATTEMPTS:
                return 0
            return max(1, _WINDOW_S - (now - self._failed[0]) // 1_000_000_000)

    def failed(self) -> None:
        with self._lock:
            self._failed.append(self._clock.elapsed_ns())
