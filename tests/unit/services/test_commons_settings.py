"""`[shared]` of steersman.toml: what it may say, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bootstrap.plugins import setting_type
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.services.commons import SharedSettings
from steersman.services.commons.adapters.redis import create
from steersman.services.commons.adapters.redis.looking import Facts, concerns, not_durable
from steersman.services.commons.adapters.redis.settings import RedisSettings
from steersman.services.commons.address import place
from steersman.services.commons.settings import read

GOOD = 'kind = "redis"\nnamespace = "desk"\nurl = "env:REDIS_URL"\n'


def _read(text: str) -> SharedSettings | None:
    return read(TomlFile(text, name="steersman.toml"), Path(), lambda kind: setting_type("commons", kind))


def test_without_the_table_nothing_is_shared() -> None:
    assert _read("[desk]\n") is None


def test_what_is_not_said_has_defaults() -> None:
    found = _read(f"[shared]\n{GOOD}")
    assert isinstance(found, RedisSettings)
    assert (found.without, found.machines, found.lease_s, found.largest_bytes) == ("alone", 2, 6.0, 64_000_000)
    assert found.durable == "always"
    assert found.machine_name, "the host name"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kind = "redsi"', "steersman.toml:2: shared.kind: there is no adapter 'redsi' for the commons"),
        ('kind = "redis"\nurl = "env:X"', "shared.namespace: is missing"),
        (GOOD + 'url2 = "x"', "steersman.toml:5: shared.url2: unknown field"),
        (GOOD.replace("desk", "My desk"), "steersman.toml:3: shared.namespace: found 'My desk'"),
        (GOOD + 'lease = "1h"', "shared.lease: found '1h', allowed: 1s to 60s"),
        (GOOD + 'largest = "1GB"', "shared.largest: found '1GB', allowed: 0B to 256MB"),
        (GOOD + 'without = "ask"', "shared.without: invalid enum value 'ask'; allowed: alone, refuse"),
        (
            GOOD + 'durable = "evrysec"',
            "shared.durable: invalid enum value 'evrysec'; allowed: always, everysec, trust",
        ),
        (GOOD + "machines = 0", "shared.machines: found 0, allowed: 1 to 100"),
        (GOOD + 'machine = "büro"', "shared.machine: found 'büro'"),
        (GOOD.replace("env:REDIS_URL", "redis://h:x/0"), "steersman.toml:4: shared.url: is no address"),
        (GOOD.replace("env:REDIS_URL", "postgresql://h/db"), "shared.url: is no redis:// or rediss:// or unix://"),
        (GOOD.replace("redis", "postgres", 1) + 'schema = "pg_x"', "shared.schema: found 'pg_x'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        _read(f"[shared]\n{line}\n")
    assert said in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize("url", ["redis://:hunter2@host/0", "redis://me:hunter2@host", "rediss://h/0?password=hunter2"])
def test_a_password_that_is_written_out_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Misconfigured, match="carries a password") as caught:
        _read(f"[shared]\n{GOOD.replace('env:REDIS_URL', url)}")
    assert "steersman.toml:4" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_what_a_reference_holds_is_checked_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from steersman.kernel.clock import FakeClock

    monkeypatch.setenv("REDIS_URL", "hunter2")
    settings = RedisSettings(kind="redis", namespace="desk", url="env:REDIS_URL")
    with pytest.raises(Misconfigured, match="what env:REDIS_URL holds is no redis://") as caught:
        create(settings, root=tmp_path, clock=FakeClock())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@host/2", "host:6379/2"),
        ("rediss://[::1]:7000", "[::1]:7000"),
        ("unix:///run/redis.sock?db=1", "/run/redis.sock"),
    ],
)
def test_a_place_is_shown_without_user_and_secret(url: str, shown: str) -> None:
    assert place(url, 6379) == shown


ALWAYS = Facts(server="Redis 7", appendonly="yes", appendfsync="always", maxmemory="0", policy="noeviction")


@pytest.mark.parametrize(
    ("facts", "accepted", "why"),
    [
        (ALWAYS, "always", ""),
        (Facts(server="Redis 7", appendonly="no", appendfsync="always"), "everysec", "appendonly is no"),
        (Facts(server="Redis 7", appendonly="yes", appendfsync="everysec"), "always", "appendfsync is everysec"),
        (Facts(server="Redis 7", appendonly="yes", appendfsync="everysec"), "everysec", ""),
        (Facts(server="Redis 7", appendonly="yes", appendfsync="no"), "everysec", "appendfsync is no"),
        (Facts(server="Redis 7"), "always", "it does not tell its configuration"),
        (Facts(server="Redis 7"), "trust", ""),
        (
            Facts(server="x", appendonly="yes", appendfsync="always", maxmemory="9", policy="allkeys-lru"),
            "always",
            "maxmemory-policy is allkeys-lru",
        ),
    ],
)
def test_logins_are_kept_only_where_a_crash_loses_nothing(facts: Facts, accepted: str, why: str) -> None:
    found = not_durable(facts, accepted)  # type: ignore[arg-type]  # one of the three words
    assert (found.problem if found else "").startswith(why)
    assert (found is None) == (why == "")


def test_data_that_leaves_this_machine_unencrypted_is_said() -> None:
    assert [c.problem for c in concerns(ALWAYS, "always", "redis://10.0.0.2/0")] == [
        "what is shared travels unencrypted"
    ]
    assert concerns(ALWAYS, "always", "rediss://10.0.0.2/0") == ()
    assert concerns(ALWAYS, "always", "redis://127.0.0.1/0") == ()
