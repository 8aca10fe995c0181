"""`[engine]` with kind prefect: what may be written, what is refused with its line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steersman.automation.adapters.prefect.settings import PrefectSettings
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile


def checked(**fields: object) -> PrefectSettings:
    fields = {"python": sys.executable, **fields}
    lines = "".join(
        f"{name} = {str(value).lower() if value in (True, False) else repr(value)}\n" for name, value in fields.items()
    )
    file = TomlFile(f"[engine]\nkind = 'prefect'\n{lines}", name="steersman.toml")
    return PrefectSettings(**fields).checked(file, ("engine",), Path("/desk"))  # type: ignore[arg-type]  # fields of the struct


def test_a_python_is_all_that_must_be_named() -> None:
    assert checked().url == "http://127.0.0.1:4200/api"
    assert checked(start_worker=False, python="").interpreter(Path("/desk")) is None


def test_a_relative_python_lies_in_the_workspace(tmp_path: Path) -> None:
    settings = PrefectSettings(python="venv/bin/python")
    assert settings.interpreter(tmp_path) == tmp_path / "venv/bin/python"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("url", "127.0.0.1:4200", "found no address"),
        ("url", "http://127.0.0.1:4200", "the API of a Prefect server is below /api"),
        ("url", "http://me:secret@host/api", "more than host, port and path"),
        ("url", "http://host:port/api", "found no address"),
        ("api_key", "pnu_1234", "found 8 characters without env: or file: in front"),
        ("pool", "a/b", "Prefect refuses this name"),
        ("pool", "prefect-mine", "Prefect refuses this name"),
        ("python", "", "is missing; the worker needs the Python"),
        ("python", "/no/python", "there is no file /no/python"),
        ("flow_runs", 0, "found 0, allowed: 1 to 100"),
        ("max_processes", 0, "found 0, allowed: 1 to 1000"),
        ("poll", "1ms", "found 1ms, allowed: 0.2s to 60s"),
        ("start_within", "soon", "is not a span"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(field: str, value: object, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        checked(**{field: value})
    assert said in caught.value.message
    assert caught.value.message.startswith("steersman.toml:")
    assert f"engine.{field}" in caught.value.message
    assert caught.value.fix


def test_a_key_does_not_travel_unencrypted() -> None:
    with pytest.raises(Misconfigured, match="could be read on the way"):
        checked(url="http://prefect.example/api", api_key="env:PREFECT_KEY")
    assert checked(url="https://prefect.example/api", api_key="env:PREFECT_KEY").is_here is False
    assert checked(url="http://localhost:4200/api", api_key="env:PREFECT_KEY").is_here is True
