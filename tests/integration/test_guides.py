"""docs/guide/automation.md and sharing.md, typed again: every command runs, and prints what the page says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_guide import GUIDES, Reader, links, steps
from tests.builders_vendor import ADDRESS, EXAMPLE, AVendor


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
