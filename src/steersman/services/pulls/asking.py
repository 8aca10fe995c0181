"""From what somebody asks for to one exact question and its key. Pure; no secret is looked up here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from steersman.kernel.errors import Misconfigured
from steersman.services.pulls import placeholders
from steersman.services.pulls.model import AD_HOC, Format, Pull, Rate, Schema
from steersman.services.pulls.settings import PullSettings, check_address

_SUFFIXES: Final[dict[str, Format]] = {".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".jsonl": "jsonl"}
_AD_HOC_TTL_S: Final = 60.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One exact question.

    Attributes:
        url: with every value in place; empty for a command, whose words are in `command`.
        source: what may be told of it: `scheme://host/path`, or the command's script.
        limits: names of the rates that apply, with the declared ones; the host is always among them.
    """

    pull: Pull
    key: str
    source: str
    url: str
    command: tuple[str, ...]
    body: str
    headers: dict[str, str]
    limits: tuple[tuple[str, Rate | None], ...]
    schema_version: str

    def __repr__(self) -> str:
        return f"Asked(key={self.key!r})"


def resolve(what: str, params: Mapping[str, str], settings: PullSettings) -> Asked:
    """Return the question behind `what`, a declared name or an address.

    Raises:
        Misconfigured: no such pull, a parameter that is wrong, or an address that may not be asked.
    """
    if "://" in what:
        return _asked(_ad_hoc(what, params, settings), {}, settings)
    if (pull := settings.pulls.get(what)) is None:
        near = difflib.get_close_matches(what, settings.pulls, n=1)
        raise Misconfigured(
            f"there is no pull {what!r}; declared: {', '.join(settings.pulls) or 'none'}",
            fix=f"did you mean {near[0]!r}?" if near else f"declare [pull.{what}] in steersman.toml",
        )
    try:
        return _asked(pull, placeholders.resolve_params(pull.params, params), settings)
    except ValueError as exc:
        raise Misconfigured(f"pull {what}: {exc}", fix=f"see params of [pull.{what}]") from exc


def _ad_hoc(url: str, params: Mapping[str, str], settings: PullSettings) -> Pull:
    """Return a pull of a plain address: hosts that are named only, no login ever, rules of the answer's own headers.

    Named hosts only, because the desk asks in the name of whoever reaches it: a script that can be talked into an
    address must not reach every host the desk can.
    """
    if problem := check_address(url):
        raise Misconfigured(f"the address {problem}", fix="correct it")
    host = urlsplit(url).hostname or ""
    if host not in settings.cache.ad_hoc:
        raise Misconfigured(
            f"{host} may not be asked without a declaration; allowed: {', '.join(settings.cache.ad_hoc) or 'no host'}",
            fix=f'declare a [pull.NAME], or write ad_hoc = ["{host}"] into [cache]',
        )
    try:
        params = {name: placeholders.canonical(value, "text") for name, value in params.items()}
    except ValueError as exc:
        raise Misconfigured(f"a parameter {exc}", fix="correct it") from exc
    if params:
        pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(params.items()))
        url = f"{url}{'&' if '?' in url else '?'}{pairs}"
    path = urlsplit(url).path.lower()
    format: Format = next((kind for suffix, kind in _SUFFIXES.items() if path.endswith(suffix)), "bytes")
    return Pull(name=AD_HOC, url=url, shape=Schema(format=format), ttl_s=_AD_HOC_TTL_S, http_cache=True)


def _asked(pull: Pull, values: Mapping[str, str], settings: PullSettings) -> Asked:
    used = {
        n for text in (pull.url, pull.body, *pull.headers.values(), *pull.command) for n in placeholders.names(text)
    }
    if pull.name == AD_HOC:
        url = pull.url
    else:
        extra = {name: value for name, value in values.items() if name not in used}
        url = placeholders.fill_url(pull.url, values, extra) if pull.url else ""
    headers = {
        name: value if value.startswith(("env:", "file:")) else placeholders.fill_word(value, values)
        for name, value in pull.headers.items()
    }
    return Asked(
        pull=pull,
        key=key(pull, values),
        source=placeholders.shown(url) if url else f"command {pull.command[0]}",
        url=url,
        command=tuple(placeholders.fill_word(word, values) for word in pull.command),
        body=placeholders.fill_body(pull.body, values),
        headers=headers,
        limits=_limits(pull, url, settings.cache.rates),
        schema_version=schema_version(pull.shape),
    )


def key(pull: Pull, values: Mapping[str, str]) -> str:
    """Return what names the data: the same for the same question, another one as soon as anything asked or checked
    differs. Values are in it as a digest only."""
    asked = (pull.url, pull.command, pull.method, pull.body, sorted(pull.headers.items()), pull.provider, pull.shape)
    digest = sha256(msgspec.json.encode((asked, sorted(values.items())))).hexdigest()
    return f"{re.sub('[^a-z0-9_-]', '_', pull.name)}-{digest[:24]}"


def schema_version(shape: Schema) -> str:
    """Return a digest of what was checked."""
    return sha256(msgspec.json.encode(shape)).hexdigest()[:16]


def _limits(pull: Pull, url: str, rates: Mapping[str, Rate]) -> tuple[tuple[str, Rate | None], ...]:
    host = urlsplit(url).hostname or ""
    found: list[tuple[str, Rate | None]] = [(f"pull {pull.name}", pull.rate)] if pull.rate else []
    if pull.provider in rates:
        found.append((f"provider {pull.provider}", rates[pull.provider]))
    if host:
        # Also without a rate of its own: a host that said "later" says so to everybody.
        found.append((f"host {host}", rates.get(host)))
    return tuple(found)
