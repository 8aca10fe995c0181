"""Settings of a FIX venue: what may be, and what is said when it may not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from steersman.bootstrap.plugins import setting_type
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.settings import read


def some(**changes: Any) -> FixSettings:
    return FixSettings(**{"host": "fix.example", "port": 9876, "sender": "DESK", "target": "BROKER", **changes})


def test_the_usual_settings_are_fine_and_careful() -> None:
    settings = some()
    assert list(settings.problems()) == []
    assert (settings.mode, settings.version, settings.reset_on_logon) == ("sandbox", "FIX.4.4", False)
    assert (settings.heartbeat_s, settings.timeout_s, settings.reconnect_max_ns) == (30, 5.0, 60_000_000_000)


@pytest.mark.parametrize(
    ("mode", "tls", "encrypted"), [("sandbox", None, False), ("live", None, True), ("live", False, False)]
)
def test_a_live_session_is_encrypted_unless_somebody_says_no(mode: str, tls: bool | None, encrypted: bool) -> None:
    assert some(mode=mode, tls=tls).encrypted is encrypted


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host": " "}, "host"),
        ({"port": 0}, "port"),
        ({"port": 70_000}, "port"),
        ({"sender": ""}, "sender"),
        ({"target": "A\x01B"}, "target"),
        ({"account": "\u00e4"}, "account"),
        ({"heartbeat": "0s"}, "heartbeat"),
        ({"heartbeat": "1500ms"}, "heartbeat"),
        ({"heartbeat": "often"}, "heartbeat"),
        ({"timeout": "61s"}, "timeout"),
        ({"reconnect": "2m", "reconnect_max": "1m"}, "reconnect_max"),
        ({"password": "hunter2"}, "password"),
        ({"username": "env:"}, "username"),
        ({"positions": True, "version": "FIX.4.2"}, "positions"),
        ({"mass_status": True, "version": "FIX.4.2"}, "mass_status"),
        ({"order_fields": {"11": "x"}}, "order_fields"),
        ({"order_fields": {"a": "x"}}, "order_fields"),
        ({"order_fields": {"100": "a\x01b"}}, "order_fields"),
    ],
)
def test_what_may_not_be_is_named_with_a_fix(changes: dict[str, Any], field: str) -> None:
    ((found, problem, fix),) = some(**changes).problems()
    assert found == field
    assert problem
    assert fix
    assert "hunter2" not in problem + fix


VENUE = """\
[venue.broker]
kind = "fix"
mode = "live"
host = "fix.example"
port = 9876
sender = "DESK"
target = "BROKER"
password = "env:FIX_PASSWORD"

[venue.broker.order_fields]
100 = "XNYS"
"""


def test_a_workspace_declares_a_fix_venue(tmp_path: Path) -> None:
    settings = read(TomlFile(VENUE, name="steersman.toml"), tmp_path, partial(setting_type, "venue")).venues["broker"]
    assert settings == some(kind="fix", mode="live", password="env:FIX_PASSWORD", order_fields={"100": "XNYS"})


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("port = 9876", "port = 0", "steersman.toml:5: venue.broker.port"),
        ("env:FIX_PASSWORD", "hunter2", "steersman.toml:8: venue.broker.password"),
        ('mode = "live"', 'mode = "simulated"', "steersman.toml:3: venue.broker.mode"),
        ('host = "fix.example"\n', "", "host"),
    ],
)
def test_a_mistake_is_placed_in_the_file(tmp_path: Path, old: str, new: str, place: str) -> None:
    with pytest.raises(Misconfigured) as found:
        read(TomlFile(VENUE.replace(old, new), name="steersman.toml"), tmp_path, partial(setting_type, "venue"))
    assert place in found.value.message
    assert "hunter2" not in str(found.value)
