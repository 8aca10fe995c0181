"""What settings files beside scripts say: addresses and plain values; of what looks secret only its name is used."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from steersman.automation.audit.endpoints import Hole, Text
from steersman.automation.audit.secret_shapes import find_secret, promises_secret

LARGEST_BYTES: Final = 256 * 1024
_DEEPEST: Final = 8
_MOST_ENTRIES: Final = 2_000
_PLAIN: Final = re.compile(r"[\w.,:/-]{1,40}")
_ENTRY: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)
_NAMED: Final = re.compile(r"(?i)\.(json|toml|ini|cfg|conf|ya?ml|env)$|(^|/)\.env(\.\w+)?$")

Settings = Mapping[str, str]
"""Value by dotted name: `api.base`, `feeds.0`."""


class SettingsFiles:
    """The settings files at or below `root`, read when a script names one; none are there without a `root`."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._read: dict[str, Settings] = {}

    def value(self, script: str, file: str, keys: Sequence[str]) -> Text:
        """Return what a script reads under `keys` of `file`.

        A plain value is itself. One that is secret, not there or not plain is a hole with the name of its place: two
        scripts that read it from there read the same.
        """
        name, said = ".".join(keys), self.beside(script, file)
        own = str(said.get(name, ""))
        if is_environment(file):  # as the environment has it: an address, else the variable's name
            address = self.address(script, name)
            return (address,) if address else (Hole(name, env=True),)
        secret = any(promises_secret(key) for key in keys) or find_secret(own, keys[-1] if keys else "")
        if own and not secret and ("://" in own or _PLAIN.fullmatch(own)):
            return (own,)
        return (Hole(f"{file}:{name}", env=True),)

    def listed(self, script: str, file: str, keys: Sequence[str]) -> tuple[str, ...]:
        """Return the plain texts of a list, or of the values of a table, under `keys`; empty without any."""
        start, said = "".join(f"{key}." for key in keys), self.beside(script, file)
        found = [v for k, v in said.items() if k.startswith(start) and "." not in k[len(start) :]]
        return tuple(found) if all("://" in v or _PLAIN.fullmatch(v) for v in found) else ()

    def address(self, script: str, variable: str) -> str:
        """Return the address that the `.env` file beside a script gives a variable; empty without one."""
        own = self.beside(script, ".env").get(variable, "")
        return own if "://" in own and not promises_secret(variable) and not find_secret(own, variable) else ""

    def beside(self, script: str, file: str) -> Settings:
        """Return the settings of `file` in the folder of `script`, or the nearest one above it."""
        if self._root is None or not _NAMED.search(file):
            return {}
        # Nothing outside of what is audited is opened, wherever a path leads.
        inside = PurePosixPath(*(p for p in PurePosixPath(file).parts if p not in ("/", "..", ".")))
        names = (inside.as_posix(), inside.name) if inside.name else ()
        folder = Path(script).parent
        for place, name in ((place, name) for place in (folder, *folder.parents) for name in names):
            path = (place / name).as_posix()
            if path not in self._read:
                self._read[path] = _settings(self._root / path)
            if self._read[path]:
                return self._read[path]
        return {}


def is_environment(file: str) -> bool:
    return file.rpartition("/")[2].startswith(".env") or file.endswith(".env")


def _settings(path: Path) -> Settings:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            return {}
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    flat: dict[str, str] = {}
    _flatten(_parsed(path.name, text), (), flat)
    return flat


def _parsed(name: str, text: str) -> object:
    """Return what a settings file holds; nothing for one that is broken: it is the scripts that are audited."""
    if is_environment(name):
        return {key: value.strip("'\"") for key, value in _ENTRY.findall(text)}
    try:
        match name.rpartition(".")[2].lower():
            case "json":
                return json.loads(text)
            case "toml":
                return tomllib.loads(text)
            case "yaml" | "yml":
                import yaml  # only an audit that meets one needs it

                try:
                    return yaml.safe_load(text)
                except yaml.YAMLError:
                    return {}
            case _:
                parser = configparser.ConfigParser(interpolation=None)
                parser.read_string(text)
                return {section: dict(parser[section]) for section in parser.sections()}
    except (ValueError, RecursionError, configparser.Error):
        return {}


def _flatten(value: object, path: tuple[str, ...], into: dict[str, str]) -> None:
    if len(path) > _DEEPEST or len(into) >= _MOST_ENTRIES:
        return
    if isinstance(value, dict):
        for key, entry in value.items():
            _flatten(entry, (*path, str(key)), into)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            _flatten(entry, (*path, str(number)), into)
    elif isinstance(value, str | int | float):
        into[".".join(path)] = str(value)
