"""Where a server is: an address without a secret, or a reference to one with it. No message here repeats a secret."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from steersman.kernel import references
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

_LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


def check(file: TomlFile, path: tuple[str, ...], text: str, schemes: Collection[str], example: str) -> None:
    """Refuse a `url` that is neither `env:NAME`, `file:PATH` nor an address without a password.

    Raises:
        Misconfigured: names the line; what stands there is not repeated.
    """
    fix = f'write url = "env:NAME" and export NAME={example}'
    if not text:
        raise file.error((*path, "url"), "`url` is missing: where the server is", fix=fix)
    if text.startswith(("env:", "file:")):
        wrong = references.problem(text)
    else:
        wrong = problem(text, schemes) or ("carries a password in plain text" if has_secret(text) else "")
    if wrong:
        raise file.error((*path, "url"), wrong, fix=fix)


def resolved(text: str, root: Path, schemes: Collection[str]) -> str:
    """Return the address that `url` is or refers to.

    Raises:
        Misconfigured: nothing there, or no address; names the reference.
    """
    if not text.startswith(("env:", "file:")):
        return text
    address = references.resolve(text, root)
    if wrong := problem(address, schemes):
        raise Misconfigured(f"[shared] url: what {text} holds {wrong}", fix="correct what is stored there")
    return address


def problem(address: str, schemes: Collection[str]) -> str:
    """Say what is wrong with the form of an address; empty if nothing is. Quotes nothing of it."""
    allowed = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it is the check: urlsplit looks at the port only then
    except ValueError:
        return f"is no address; allowed: {allowed}"
    if parts.scheme not in schemes:
        return f"is no {allowed} address, and no env:NAME or file:PATH either"
    return ""


def has_secret(address: str) -> bool:
    """Say whether a password stands in an address."""
    parts = urlsplit(address)
    return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)


def place(address: str, port: int) -> str:
    """Return an address as people are shown it: host, port and database; no user, no secret."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return parts.path
    host = parts.hostname or "the local socket"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or port}{parts.path.rstrip('/')}"


def is_elsewhere(address: str) -> bool:
    """Say whether what is sent there leaves this machine."""
    parts = urlsplit(address)
    return parts.scheme != "unix" and (parts.hostname or "") not in _LOOPBACK
