"""Where a text would go: this machine, or somewhere else."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Say whether `url` names this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def wrong_with(url: str) -> str:
    """Say what is wrong with an address that texts and keys are sent to; empty if nothing is. Quotes no secret."""
    try:
        found = urlsplit(url)
        _ = found.port  # a port that is no number is found out here
    except ValueError:
        return "found no address; allowed: https:// and a host"
    if found.scheme not in ("http", "https") or not found.hostname:
        return "found no address; allowed: https:// and a host"
    if found.username is not None or found.password is not None or found.query or found.fragment:
        return "found a user, a query or a fragment in the address; allowed: scheme, host, port and path"
    if any(c.isspace() for c in url) or not url.isascii() or not url.isprintable():
        return "found spaces or signs that no address has"
    if found.scheme == "http" and not is_loopback(url):
        return f"found http to {found.hostname}: it can be read on the way (allowed without https: this machine)"
    return ""


def place(url: str) -> str:
    """Return the host that a message may name."""
    return urlsplit(url).hostname or url
