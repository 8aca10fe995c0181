"""The vendor of examples/before_after, in this process, and the scripts that ask it."""

from __future__ import annotations

import importlib
import shutil
import threading
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "before_after"
ADDRESS = "127.0.0.1:8765"


class AVendor:
    """Listens on a free port, without the latency of a real one; `EXAMPLE` must be on the path of modules."""

    def __init__(self) -> None:
        self._serving = importlib.import_module("vendor").Vendor(0, "open-sesame", latency_s=0)
        self.address = f"127.0.0.1:{self._serving.server_port}"
        self._thread = threading.Thread(target=self._serving.serve_forever)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._serving.shutdown()
            self._thread.join()
        self._serving.server_close()

    def copy(self, folder: Path) -> None:
        """Copy the example, with the address of this vendor in it."""
        shutil.copytree(EXAMPLE, folder)
        for file in (*folder.glob("*/*.py"), folder / "after" / "steersman.toml"):
            file.write_text(file.read_text(encoding="utf-8").replace(ADDRESS, self.address), encoding="utf-8")

    def makes_trouble(self, what: str) -> None:
        """Do wrong what `vendor.py --trouble` says, from now on."""
        self._serving.trouble = what
