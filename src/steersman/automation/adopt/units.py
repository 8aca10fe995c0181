"""systemd units as they lie in folders: sections, repeated keys, drop-ins.

Source: systemd.syntax(7), systemd.unit(5).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

SERVICE_FOLDERS: Final = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


class Setting(msgspec.Struct, frozen=True):
    """One `key = value` of a section, where it stands."""

    section: str
    key: str
    value: str
    file: str
    line: int


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit with its drop-ins."""

    name: str
    file: Path
    settings: tuple[Setting, ...] = ()

    def all(self, section: str, key: str) -> list[Setting]:
        """Return every value in order; an empty one takes back those before it, as systemd does."""
        found: list[Setting] = []
        for setting in self.settings:
            if (setting.section, setting.key) == (section, key):
                found = [*found, setting] if setting.value else []
        return found

    def last(self, section: str, key: str, default: str = "") -> str:
        found = self.all(section, key)
        return found[-1].value if found else default

    def line(self, section: str, key: str) -> int:
        found = self.all(section, key)
        return found[-1].line if found else 1


def read_unit(text: str, *, name: str, file: Path) -> Unit:
    """Return the settings of one file; lines that are none are left out, as systemd does with a warning."""
    settings: list[Setting] = []
    section, started, buffer = "", 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not buffer):
            continue
        started = started if buffer else number
        if line.endswith("\\"):
            buffer += line[:-1].rstrip() + " "
            continue
        line, buffer = buffer + line, ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if equals:
            settings.append(Setting(section, key.strip(), value.strip(), file.name, started))
    return Unit(name=name, file=file, settings=tuple(settings))


def load_unit(name: str, folders: list[Path]) -> Unit | None:
    """Return unit `name` from the first of `folders` that has it, with the drop-ins of all; None if none has it.

    A unit that is a link to /dev/null is masked: there is none.
    """
    for folder in folders:
        file = folder / name
        if file.is_file():
            unit = read_unit(file.read_text(encoding="utf-8", errors="replace"), name=name, file=file)
            more = [s for f in folders for s in _drop_ins(f / f"{name}.d")]
            return msgspec.structs.replace(unit, settings=(*unit.settings, *more))
        if file.exists():
            return None
    return None


def _drop_ins(folder: Path) -> list[Setting]:
    found: list[Setting] = []
    for file in sorted(folder.glob("*.conf")) if folder.is_dir() else ():
        found += read_unit(file.read_text(encoding="utf-8", errors="replace"), name=file.name, file=file).settings
    return found
