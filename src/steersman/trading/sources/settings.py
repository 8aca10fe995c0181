"""`[signals.NAME]` and `[hooks]` of steersman.toml: the files that are watched, and what a webhook must keep to."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

import msgspec

from steersman.kernel.durations import seconds
from steersman.kernel.toml_file import TomlFile
from steersman.trading.settings import TradingSettings
from steersman.trading.sources.problem import nearest

SECTIONS: Final = ("signals", "hooks")
WATCHED_SUFFIXES: Final = (".jsonl", ".ndjson", ".csv", ".parquet")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_SHORTEST_S, _LONGEST_S = 10.0, 86_400.0


class WatchedFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[signals.NAME]`: files that programs of ours add signals to.

    Attributes:
        files: pattern below the workspace, e.g. `signals/*.jsonl`; JSONL, CSV or Parquet by its ending.
        strategy: whose signals they are, where a row does not say so.
    """

    files: str
    strategy: str = ""


class HookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[hooks]`. `window`: how far the alert's own time may be from ours, either way; 10s to 1d."""

    window: str = "5m"

    @property
    def window_s(self) -> float:
        return seconds(self.window)


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the doors are told, checked."""

    watched: dict[str, WatchedFiles] = {}
    hooks: HookSettings = HookSettings()


def read(file: TomlFile, traded: TradingSettings) -> SourceSettings:
    """Return the doors' part of `file`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    watched = file.section(("signals",), dict[str, WatchedFiles])
    patterns: dict[str, str] = {}
    for name, section in watched.items():
        _check(file, name, section, traded)
        other = patterns.setdefault(section.files, name)
        if other != name:
            raise file.error(
                ("signals", name, "files"),
                f"found {section.files!r}, which [signals.{other}] reads: every row would be two signals",
                fix="watch a file in one section",
            )
    return SourceSettings(watched=watched, hooks=_hooks(file))


def _check(file: TomlFile, name: str, section: WatchedFiles, traded: TradingSettings) -> None:
    here = ("signals", name)
    if not _NAME.fullmatch(name):
        raise file.error(here, "a name is letters, digits, dots, - or _ (40 at most)", fix=f"rename {name!r}")
    path = PurePosixPath(section.files)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] == (".steersman",) or not path.name:
        raise file.error(
            (*here, "files"),
            f"found {section.files!r}, allowed: a pattern below the workspace",
            fix='write e.g. files = "signals/*.jsonl"',
        )
    if path.suffix not in WATCHED_SUFFIXES:
        raise file.error(
            (*here, "files"),
            f"found {section.files!r}, allowed endings: {', '.join(WATCHED_SUFFIXES)}",
            fix='write e.g. files = "signals/*.jsonl"',
        )
    if section.strategy and section.strategy not in traded.strategies:
        raise file.error(
            (*here, "strategy"),
            f"no strategy {section.strategy!r} is declared; declared: {', '.join(traded.strategies) or 'none'}",
            fix=nearest(section.strategy, traded.strategies, f"add [strategy.{section.strategy}]"),
        )


def _hooks(file: TomlFile) -> HookSettings:
    hooks = file.section(("hooks",), HookSettings)
    try:
        window_s = hooks.window_s
    except ValueError:
        window_s = 0
    if not _SHORTEST_S <= window_s <= _LONGEST_S:
        raise file.error(("hooks", "window"), f"found {hooks.window!r}, allowed: 10s to 1d", fix='write window = "5m"')
    return hooks
