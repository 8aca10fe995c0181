"""How fast output is taken in: a script that prints without end must not take the engine's processor with it."""

from __future__ import annotations

FREE_BYTES = 256 << 20
RATE_BYTES_PER_S = 32 << 20
_WINDOW_NS = 50_000_000


class Flow:
    """Lets `FREE_BYTES` through as they come, then `RATE_BYTES_PER_S`: the pipe fills and the script has to wait.

    `resumes_at` is the instant (elapsed ns) at which reading goes on; None while it need not pause.
    """

    def __init__(self, now_ns: int) -> None:
        self._total = 0
        self._window_began = now_ns
        self._in_window = 0
        self.resumes_at: int | None = None

    def pauses(self, taken_bytes: int, now_ns: int) -> bool:
        """Count what was read and say whether to stop reading until `resumes_at`."""
        self._total += taken_bytes
        if self._total <= FREE_BYTES:
            return False
        if now_ns - self._window_began >= _WINDOW_NS:
            self._window_began, self._in_window = now_ns, 0
        self._in_window += taken_bytes
        if self._in_window * 1_000_000_000 < RATE_BYTES_PER_S * _WINDOW_NS:
            return False
        self.resumes_at = self._window_began + _WINDOW_NS
        return True

    def resume(self, now_ns: int) -> None:
        """Begin the next window."""
        self._window_began, self._in_window, self.resumes_at = now_ns, 0, None
