"""Addresses that secrets are sent to: https, or this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from steersman.services.credentials.provider import Problem

_FIX: Final = 'write {field} = "https://..."'


def bad_address(field: str, url: str) -> Iterator[Problem]:
    """Yield what is wrong with the address in `field`; parts that may be secret are not quoted."""
    wrong = _wrong(url)
    if wrong:
        yield field, wrong, _FIX.format(field=field)


def _wrong(url: str) -> str:
    found = _split(url)
    if found is None or found.scheme not in ("http", "https") or not found.hostname:
        return "found no address; allowed: https:// and a host"
    if found.username is not None or found.password is not None:
        return "found a user name or password in the address; allowed: host, port, path and query"
    if found.fragment or any(c.isspace() for c in url) or not url.isascii() or not url.isprintable():
        return "found more than host, port, path and query"
    if found.scheme == "http" and not is_loopback(found.hostname):
        return f"found http to {found.hostname}; without https secrets can be read on the way (allowed: this machine)"
    return ""


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port  # a port that is no number is found out here
        host = found.hostname or ""
        if host.isascii():
            host.encode("idna")  # and so is a name that no name server could be asked for
    except ValueError:
        return None
    return found


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_inside(url: str) -> bool:
    """Say whether `url` names this machine, or an address of a network that is not the world's; asks no name server."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def place(url: str) -> str:
    """Return scheme, host, port and path: what messages may say of an address."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{found.path}"
