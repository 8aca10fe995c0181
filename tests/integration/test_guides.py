"""docs/guide/automation.md and sharing.md, typed again: every command runs, and prints what the page says."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_guide import GUIDES, Reader, links, steps

EXAMPLE = Path(__file__).parents[2] / "examples" / "before_after"
ADDRESS = "127.0.0.1:8765"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a path as short as that of a home: pytest's are so long that lines break in the middle of them."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_the_guide_to_automation_does_and_says_what_stands_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = GUIDES / "automation.md"
    reader = Reader(home, monkeypatch, capsys, at_noon=True)
    assert len(steps(page)) > 25
    for step in steps(page):
        printed = reader.type(step)
        assert reader.same(step, printed), f"$ {step.command}\n{printed}"


class AVendor:
    """The vendor of the example, in this process, on a free port and without its latency."""

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


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AVendor]:
    monkeypatch.syspath_prepend(EXAMPLE)
    made = AVendor()
    yield made
    made.stop()


def test_the_guide_to_sharing_does_and_says_what_stands_there(
    home: Path, vendor: AVendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = GUIDES / "sharing.md"
    reader = Reader(
        home,
        monkeypatch,
        capsys,
        replaced={ADDRESS: vendor.address, "vendor.py --": f"vendor.py --port {vendor.address.rpartition(':')[2]} --"},
        played={"cp -r examples": lambda: vendor.copy(home / "shared"), "python3 vendor.py >": vendor.start},
    )
    assert len(steps(page)) > 20
    for step in steps(page):
        printed = reader.type(step)
        assert reader.same(step, printed), f"$ {step.command}\n{printed}"


@pytest.mark.parametrize("name", ["automation.md", "sharing.md"])
def test_every_page_a_guide_leads_to_is_there(name: str) -> None:
    found = list(links(GUIDES / name))
    assert len(found) > 3
    for target in found:
        assert (GUIDES / target).exists(), target
