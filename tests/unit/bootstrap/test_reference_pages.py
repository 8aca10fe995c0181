"""The reference names every field that steersman.toml may have for automations and what they share, and every flag."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

ROOT = Path(__file__).parents[3]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs/reference").glob("*.md")}
SERVICES = "steersman.services"
SETTINGS = {
    "automations": ("steersman.automation.settings",),
    "engines": ("steersman.automation.adapters.dbos.settings",),
    "several-machines": tuple(f"{SERVICES}.commons.{name}" for name in ("settings", "adapters.redis.settings")),
    "notifications": tuple(
        f"{SERVICES}.notices.{name}"
        for name in ("settings", "adapters.apprise.settings", "adapters.command.settings", "adapters.webhook.settings")
    ),
    "credentials": tuple(
        f"{SERVICES}.credentials.providers.{name}"
        for name in ("api_key", "exec", "oauth2_client", "oauth2_code", "oauth2_refresh", "resolver")
    ),
}
FOR_ENGINES = "auto exec"  # typed by Prefect and Airflow, not by people
OF_ALL = {"--help", "--json", "--dir"}


def _fields(page: str) -> Iterator[str]:
    for name in SETTINGS[page]:
        for kind in vars(importlib.import_module(name)).values():
            is_here = isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == name
            if is_here and kind.__name__ != "EngineSettings":  # on the page of engines
                yield from (field.encode_name for field in msgspec.structs.fields(kind))


@pytest.mark.parametrize("page", sorted(SETTINGS))
def test_every_field_stands_on_its_page(page: str) -> None:
    found = sorted(set(_fields(page)))
    assert found
    assert [name for name in found if not re.search(rf"\b{name}\b", PAGES[page])] == []


def _flags(command: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _flags(inner, f"{path} {name}")
    if not hasattr(command, "commands") and path != FOR_ENGINES:
        for parameter in command.params:
            yield from ((path, flag) for flag in parameter.opts if flag.startswith("--") and flag not in OF_ALL)


@pytest.mark.parametrize("noun", ["auto", "auth", "pull", "token", "notify", "inbox", "serve"])
def test_every_flag_stands_on_some_page(noun: str) -> None:
    command = typer.main.get_command(importlib.import_module(f"steersman.cli.{noun}").app)
    pages = "\n".join(PAGES.values())
    assert [(path, flag) for path, flag in _flags(command, noun) if flag not in pages] == []
