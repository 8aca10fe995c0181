"""What a Redis server says about itself: whether it keeps what it is told, and what an operator should change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis

from steersman.services.commons import address
from steersman.services.commons.adapters.redis.settings import Durable
from steersman.services.commons.ports import Concern

_NAMES: Final = ("appendonly", "appendfsync")
_FULL: Final = 0.95
_AOF: Final = "set appendonly yes and appendfsync always in its redis.conf"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What it said of its configuration; empty texts where it does not say. `used`: bytes of memory."""

    server: str
    appendonly: str = ""
    appendfsync: str = ""
    maxmemory: str = ""
    policy: str = ""
    used: int = 0


def facts(server: redis.Redis) -> Facts:
    """Ask the server; managed ones often keep CONFIG to themselves, and then say less."""
    told: Mapping[str, Any] = server.info("server")
    name = "Valkey" if "valkey_version" in told else "Redis"
    version = told.get("valkey_version") or told.get("redis_version", "")
    try:
        found: Mapping[str, str] = server.config_get(*_NAMES)  # type: ignore[assignment]  # typed for asyncio as well
    except redis.ResponseError:
        found = {}
    memory: Mapping[str, Any] = server.info("memory")
    said = {_text(key): _text(value) for key, value in found.items()}
    return Facts(
        server=f"{name} {version}".strip(),
        appendonly=said.get("appendonly", ""),
        appendfsync=said.get("appendfsync", ""),
        maxmemory=_text(memory.get("maxmemory", "")),
        policy=_text(memory.get("maxmemory_policy", "")),
        used=int(memory.get("used_memory", 0)),
    )


def not_durable(found: Facts, accepted: Durable) -> Concern | None:
    """Say why a record may be lost there; None if it cannot be, as far as `accepted` goes."""
    if accepted == "trust":
        return None
    if not found.appendonly:
        return Concern(
            problem="it does not tell its configuration (CONFIG GET)",
            fix='allow our login +config|get; or durable = "trust" in [shared] takes your word for it',
        )
    if found.appendonly != "yes":
        return Concern(problem=f"appendonly is {found.appendonly}, so that a crash costs what it holds", fix=_AOF)
    if found.appendfsync not in ("always", accepted):
        return Concern(
            problem=f"appendfsync is {found.appendfsync}, so that a power cut may cost the last second",
            fix=f'{_AOF}; or accept that with durable = "everysec" in [shared]',
        )
    return _evicts(found)


def concerns(found: Facts, accepted: Durable, url: str) -> tuple[Concern, ...]:
    """Return what an operator should know or change."""
    said = []
    if reason := not_durable(found, accepted):
        said.append(Concern(problem=f"logins are not kept there: {reason.problem}", fix=reason.fix))
    elif found.appendfsync == "everysec":
        said.append(
            Concern(problem="appendfsync is everysec: a power cut may cost the last second, and a login", fix=_AOF)
        )
    if (evicts := _evicts(found)) and evicts != reason:
        said.append(evicts)
    if found.maxmemory.isdecimal() and 0 < int(found.maxmemory) * _FULL <= found.used:
        said.append(
            Concern(
                problem=f"its memory is full: {found.used / 1e6:,.1f} MB of {int(found.maxmemory) / 1e6:,.1f} MB are "
                "used, so that it takes no more",
                fix="raise its maxmemory",
            )
        )
    if address.is_elsewhere(url) and not url.startswith("rediss"):
        said.append(
            Concern(
                problem="what is shared travels unencrypted", fix="let the server do TLS, and write rediss:// in url"
            )
        )
    return tuple(said)


def _evicts(found: Facts) -> Concern | None:
    if found.maxmemory in ("", "0") or found.policy in ("", "noeviction"):
        return None
    return Concern(
        problem=f"maxmemory-policy is {found.policy}, which drops locks and records when memory is full",
        fix="set maxmemory-policy noeviction in its redis.conf",
    )


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
