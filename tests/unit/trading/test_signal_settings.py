"""`[signals.NAME]`, `[hooks]` and `[console] hosts`: what may be written, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bootstrap.workspace import load_workspace
from steersman.cli.signal_hook import MESSAGE
from steersman.kernel.errors import Misconfigured
from steersman.trading.sources import schema
from steersman.trading.sources.decode import FIELDS
from steersman.trading.sources.settings import SECTIONS, HookSettings, WatchedFiles
from steersman.trading.sources.tradingview import NAMES, SECRETS, UNUSED

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "signals.md"

DECLARED = """
[venue.paper]
[instrument.IBM]
tick = "0.01"
venue = "paper"
[strategy.trend]
instruments = ["IBM"]
"""


def loaded(root: Path, text: str) -> object:
    (root / "steersman.toml").write_text(DECLARED + text, encoding="utf-8")
    return load_workspace(root)


def test_without_a_word_nothing_is_watched_and_alerts_may_be_five_minutes_off(tmp_path: Path) -> None:
    loaded(tmp_path, "")
    sources = load_workspace(tmp_path).sources
    assert (sources.watched, sources.hooks.window_s) == ({}, 300)


def test_files_strategy_window_and_hosts_are_read(tmp_path: Path) -> None:
    text = '[signals.ml]\nfiles = "signals/*.jsonl"\nstrategy = "trend"\n[hooks]\nwindow = "90s"\n'
    loaded(tmp_path, text + '[console]\nhosts = ["hooks.example.com"]\n')
    workspace = load_workspace(tmp_path)
    assert workspace.sources.watched["ml"].strategy == "trend"
    assert workspace.sources.hooks.window_s == 90
    assert workspace.console.hosts == ("hooks.example.com",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[signals.a]\nfiles = "x.txt"\n', "signals.a.files: found 'x.txt', allowed endings: .jsonl"),
        ('[signals.a]\nfiles = "/elsewhere/x.csv"\n', "allowed: a pattern below the workspace"),
        ('[signals.a]\nfiles = "../x.csv"\n', "allowed: a pattern below the workspace"),
        ('[signals.a]\nfiles = ".steersman/x.csv"\n', "allowed: a pattern below the workspace"),
        ('[signals.a]\nfiles = ""\n', "allowed: a pattern below the workspace"),
        ('[signals.a]\nfile = "x.csv"\n', "did you mean `files`?"),
        ('[signals.a]\nfiles = "x.csv"\nstrategy = "trand"\n', "did you mean 'trend'?"),
        ('[signals.a]\nfiles = "x.csv"\n[signals.b]\nfiles = "x.csv"\n', "which [signals.a] reads"),
        ('[signals."a b"]\nfiles = "x.csv"\n', "a name is letters"),
        ('[hooks]\nwindow = "soon"\n', "hooks.window: found 'soon', allowed: 10s to 1d"),
        ('[hooks]\nwindow = "1s"\n', "allowed: 10s to 1d"),
        ('[console]\nhosts = ["https://hooks.example.com"]\n', "without scheme and port"),
        ('[console]\nhosts = ["*"]\n', "without scheme and port"),
    ],
)
def test_what_may_not_be_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        loaded(tmp_path, text)
    assert told in str(caught.value)
    assert "steersman.toml:" in str(caught.value)


def test_the_reference_page_names_every_field_setting_and_alias() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [f"| `{name}` | {needed} | {meaning} |" for name, needed, meaning in schema.table()]
    assert [name for name, _, _ in schema.table()] == list(FIELDS)
    assert not [row for row in rows if row not in page]
    words = (*NAMES, *UNUSED, *SECRETS, *WatchedFiles.__struct_fields__, *HookSettings.__struct_fields__)
    assert not [
        word for word in words if f"`{word}`" not in page and f"\n{word} =" not in page and f" {word}`" not in page
    ]
    assert not [line for line in MESSAGE.values() if line not in page]
    assert not [section for section in SECTIONS if f"[{section}" not in page]
