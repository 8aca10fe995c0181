"""What has to be done again and again while the engine follows its schedules."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from steersman.kernel.errors import SteersmanError

EVERY_S: Final = 5.0


class Keeper:
    """Calls `chore` every few seconds in a thread of its own; what it refuses is kept, and tried again."""

    def __init__(self, chore: Callable[[], object], every_s: float = EVERY_S) -> None:
        self._chore = chore
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="prefect-keeper", daemon=True)
        self.problem = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return once the chore is not under way and will not be."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._chore()
                self.problem = ""
            except SteersmanError as exc:
                self.problem = exc.message
