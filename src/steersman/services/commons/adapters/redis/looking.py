"""What a Redis server says about itself: whether it keeps what it is told, and what an operator should change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis

from steersman.services.commons import address
from steersman.services.commons.adapters.redis.settings import Durable

_NAMES: Final = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
_AOF: Final = "set appendonly yes and appendfsync always in its redis.conf"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What it said of its configuration; empty texts where it does not say."""

    server: str
    appendonly: str = ""
    appendfsync: str = ""
    maxmemory: str = ""
    policy: str = ""


def facts(server: redis.Redis) -> Facts:
    """Ask the server; managed ones often keep CONFIG to themselves, and then say less."""
    told: Mapping[str, Any] = server.info("server")
    name = "Valkey" if "valkey_version" in told else "Redis"
    version = told.get("valkey_version") or told.get("redis_version", "")
    try:
        found: Mapping[str, str] = server.config_get(*_NAMES)  # type: ignore[assignment]  # typed for asyncio as well
    except redis.ResponseError:
        found = {}
    said = {_text(key): _text(value) for key, value in found.items()}
    return Facts(
        server=f"{name} {version}".strip(),
        appendonly=said.get("appendonly", ""),
        appendfsync=said.get("appendfsync", ""),
        maxmemory=said.get("maxmemory", ""),
        policy=said.get("maxmemory-policy", ""),
    )


def not_durable(found: Facts, accepted: Durable) -> str:
    """Say why a record may be lost there; empty if it cannot be, as far as `accepted` goes."""
    if accepted == "trust":
        return ""
    if not found.appendonly:
        return 'it does not tell its configuration (CONFIG GET); durable = "trust" in [shared] takes your word for it'
    if found.appendonly != "yes":
        return f"appendonly is {found.appendonly}: {_AOF}"
    allowed = ("always", "everysec") if accepted == "everysec" else ("always",)
    if found.appendfsync not in allowed:
        return (
            f"appendfsync is {found.appendfsync}, so that a power cut may cost the last second: {_AOF}, "
            'or accept that with durable = "everysec" in [shared]'
        )
    return _evicts(found)


def warnings(found: Facts, accepted: Durable, url: str) -> tuple[str, ...]:
    """Return what an operator should know or change, each with its fix."""
    said = []
    if reason := not_durable(found, accepted):
        said.append(f"logins are not kept there: {reason}")
    elif found.appendfsync == "everysec":
        said.append(f"appendfsync is everysec: a power cut may cost the last second, and a login with it; {_AOF}")
    if (reason := _evicts(found)) and reason not in "".join(said):
        said.append(f"locks may vanish while they are held: {reason}")
    if address.is_elsewhere(url) and not url.startswith("rediss"):
        said.append("what is shared travels unencrypted: write rediss:// in url, and let the server do TLS")
    return tuple(said)


def _evicts(found: Facts) -> str:
    if found.maxmemory in ("", "0") or found.policy in ("", "noeviction"):
        return ""
    return f"maxmemory-policy is {found.policy}: set noeviction, or it drops records when its memory is full"


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
