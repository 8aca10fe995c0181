"""`[pull.NAME]` and `[cache]` of steersman.toml: what is pulled, how long it is good, what it must look like."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from steersman.kernel import references
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.sizes import size_bytes
from steersman.kernel.toml_file import TomlFile
from steersman.services.pulls import placeholders
from steersman.services.pulls.columns import read_schema
from steersman.services.pulls.model import CacheSettings, Param, ParamType, Pull, Rate, rate
from steersman.services.pulls.tables import CacheTable, ParamTable, PullTable

SECTIONS: Final = ("pull", "cache")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Ours to set: what frames a message, and what is asked of a cache.
_OUR_HEADERS: Final = frozenset(
    (
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "if-none-match",
        "if-modified-since",
    )
)
_HOST: Final = re.compile(r"[a-z0-9.-]+|\[?[0-9a-f:]+\]?")
_LONGEST_S: Final = 366 * 86_400.0
V = TypeVar("V")


class PullSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every declared pull, and the bounds of the cache."""

    pulls: dict[str, Pull] = {}
    cache: CacheSettings = CacheSettings()


def read(file: TomlFile, root: Path, *, providers: Collection[str]) -> PullSettings:
    """Return the declared pulls, checked; no secret is looked up yet.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    tables = file.get("pull")
    if tables is not None and not isinstance(tables, Mapping):
        raise file.error(("pull",), f"found {tables!r}, allowed: tables [pull.NAME]", fix="write [pull.NAME]")
    pulls = {name: _Reader(file, root, str(name), raw, providers).pull() for name, raw in (tables or {}).items()}
    return PullSettings(pulls=pulls, cache=_cache(file))


def check_address(url: str) -> str:
    """Say what is wrong with an address; empty if nothing is: https, or http on this machine; no login in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as exc:
        return f"is no address ({exc})"
    if not host or placeholders.names(parts.netloc) or not _HOST.fullmatch(host):
        return "has no host, or a placeholder in it; allowed: https://host/path with {param} after the host"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        return f"found {parts.scheme or 'no scheme'}, allowed: https (http only for {', '.join(LOOPBACK)})"
    if "@" in parts.netloc:
        return "carries a login; allowed: an address without one (declare a provider)"
    if parts.fragment or not url.isascii() or re.search(r"[\s\\]", url):
        return "has a #fragment, a space, a backslash or other characters that no address has"
    return ""


class _Reader:
    """One table on its way to a `Pull`."""

    def __init__(self, file: TomlFile, root: Path, name: str, raw: object, providers: Collection[str]) -> None:
        self._file, self._root, self._name, self._providers = file, root, name, providers
        self._here = ("pull", name)
        if not _NAME.fullmatch(name):
            raise file.error(
                self._here, "a name is a small letter, then small letters, digits, - or _ (40 at most)", fix="rename it"
            )
        plain = {k: v for k, v in raw.items() if k != "schema"} if isinstance(raw, Mapping) else raw
        self._table = file.section(self._here, PullTable, raw=plain)

    def pull(self) -> Pull:
        table = self._table
        params = self._params()
        self._check_source(params)
        self._check_headers()
        if table.provider and table.provider not in self._providers:
            raise self._wrong(
                "provider",
                f"found {table.provider!r}, declared: {', '.join(self._providers) or 'none'}",
                f"declare [provider.{table.provider}], or correct the name",
            )
        if not 0 <= table.retries <= 10:
            raise self._wrong("retries", f"found {table.retries}, allowed: 0 to 10", "change retries")
        return Pull(
            name=self._name,
            url=table.url,
            command=tuple(shlex.split(table.command)),
            method=table.method,
            body=table.body,
            params=params,
            headers=table.headers,
            provider=table.provider,
            shape=read_schema(self._file, self._here, table),
            ttl_s=self._span("ttl", least=0),
            stale_while_revalidate_s=self._span("stale_while_revalidate", least=0),
            stale_if_error_s=self._span("stale_if_error", least=0),
            timeout_s=self._span("timeout", least=0.1, most=3600),
            retries=table.retries,
            rate=self._text("rate", rate) if table.rate else None,
            max_bytes=self._max_bytes(),
            http_cache=table.http_cache,
        )

    def _max_bytes(self) -> int:
        size = self._text("max_bytes", size_bytes)
        if not 1 <= size <= 4_000_000_000:
            raise self._wrong("max_bytes", f"found {size:,} bytes, allowed: 1B to 4GB", "change max_bytes")
        return size

    def _params(self) -> dict[str, Param]:
        found: dict[str, Param] = {}
        for name, value in self._table.params.items():
            if placeholders.names("{" + name + "}") != [name]:
                raise self._wrong(f"params.{name}", "is no name for a parameter", "use small letters, digits and _")
            table = value if isinstance(value, ParamTable) else ParamTable(type=_type_of(value), default=value)
            try:
                default = None if table.default is None else placeholders.canonical(table.default, table.type)
            except ValueError as exc:
                raise self._wrong(f"params.{name}", str(exc), "change the default or the type") from exc
            found[name] = Param(type=table.type, default=default)
        return found

    def _check_source(self, params: Mapping[str, Param]) -> None:
        table = self._table
        if bool(table.url) == bool(table.command):
            raise self._file.error(
                self._here,
                "needs either `url` or `command`, one of them",
                fix='write url = "https://..." or command = "automations/script.py"',
            )
        for field in ("url", "command", "body"):
            for name in placeholders.names(getattr(table, field)):
                if name not in params:
                    raise self._wrong(
                        field,
                        f"{{{name}}} is not in params; declared: {', '.join(params) or 'none'}",
                        f'add params = {{ {name} = {{ type = "text" }} }}',
                    )
        if table.command:
            self._check_command(params)
        else:
            self._check_url()

    def _check_url(self) -> None:
        table = self._table
        if problem := check_address(table.url):
            raise self._wrong("url", problem, "correct the address")
        if table.method == "POST" and not table.idempotent:
            raise self._wrong(
                "method",
                "found POST, allowed: GET, or POST with idempotent = true",
                "write idempotent = true if asking twice changes nothing at the other side",
            )
        if table.body and table.method == "GET":
            raise self._wrong("body", "a GET has no body", 'write method = "POST" and idempotent = true')

    def _check_command(self, params: Mapping[str, Param]) -> None:
        table = self._table
        for field in ("headers", "provider", "body", "http_cache"):
            if getattr(table, field):
                raise self._wrong(field, "a command has none", f"take out {field}")
        try:
            words = shlex.split(table.command)
        except ValueError as exc:
            raise self._wrong("command", f"not a command line ({exc})", "close the quote") from exc
        used = {name for word in words for name in placeholders.names(word)}
        if unused := sorted(set(params) - used):
            raise self._wrong(f"params.{unused[0]}", "is used nowhere in the command", f"add {{{unused[0]}}} to it")
        script = (self._root / words[0]).resolve() if words else self._root
        if not script.is_file() or not script.is_relative_to(self._root.resolve()):
            raise self._wrong(
                "command",
                f"found {words[0] if words else ''!r}, allowed: a script of the workspace",
                "name a file below the workspace, e.g. automations/pull_bars.py",
            )

    def _check_headers(self) -> None:
        for name, value in self._table.headers.items():
            field = f"headers.{name}"
            if not _HEADER.fullmatch(name) or name.lower() in _OUR_HEADERS:
                raise self._wrong(
                    field, "cannot be set", f"allowed: header names other than {', '.join(sorted(_OUR_HEADERS))}"
                )
            if value.startswith(("env:", "file:")):
                if problem := references.problem(value):
                    raise self._wrong(field, problem, references.FIX)
            elif name.lower() in ("authorization", "proxy-authorization", "cookie"):
                raise self._wrong(
                    field, "a login is not written into this file", f"{references.FIX}, or use `provider`"
                )
            elif not value.isascii() or not value.isprintable():
                raise self._wrong(field, "has characters that no header has", "use printable ASCII")

    def _span(self, field: str, *, least: float, most: float = _LONGEST_S) -> float:
        value = self._text(field, seconds)
        if not least <= value <= most:
            raise self._wrong(field, f"found {value:g} s, allowed: {least:g} to {most:g} s", f"change {field}")
        return value

    def _text(self, field: str, parse: Callable[[str], V]) -> V:
        return _parsed(self._file, (*self._here, field), getattr(self._table, field), parse)

    def _wrong(self, field: str, problem: str, fix: str) -> Misconfigured:
        return self._file.error((*self._here, *field.split(".")), problem, fix=fix)


def _type_of(value: object) -> ParamType:
    kinds: dict[type, ParamType] = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(value), "text")


def _parsed(file: TomlFile, path: tuple[str, ...], text: str, parse: Callable[[str], V]) -> V:
    try:
        return parse(text)
    except ValueError as exc:
        raise file.error(path, str(exc), fix=f"change {path[-1]}") from exc


def _cache(file: TomlFile) -> CacheSettings:
    raw = file.get("cache")
    plain = {k: v for k, v in raw.items() if k != "rates"} if isinstance(raw, Mapping) else raw
    table = file.section(("cache",), CacheTable, raw=plain)
    rates = file.section(("cache", "rates"), cast(type[dict[str, str]], dict[str, str]))
    for host in table.ad_hoc:
        if not _HOST.fullmatch(host):
            raise file.error(
                ("cache", "ad_hoc"),
                f"found {host!r}, allowed: a host name in small letters, without scheme, port and path",
                fix='write e.g. ad_hoc = ["stooq.com"]',
            )
    found: dict[str, Rate] = {name: _parsed(file, ("cache", "rates", name), text, rate) for name, text in rates.items()}
    return CacheSettings(
        budget_bytes=_parsed(file, ("cache", "budget"), table.budget, size_bytes),
        disk_budget_bytes=_parsed(file, ("cache", "disk_budget"), table.disk_budget, size_bytes),
        rates=found,
        ad_hoc=table.ad_hoc,
    )
