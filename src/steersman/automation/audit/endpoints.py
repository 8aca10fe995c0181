"""Addresses made comparable: what is fixed, what varies, which order parameters were written in does not matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

_LOGIN: Final = re.compile(
    r"^(o?auth2?|((access|api|auth|get|id|generate|create|request|issue|new|refresh)[-_]?)?tokens?([-_]?auth)?|"
    r"(api[-_]?)?log[-_]?[io]n|sign[-_]?in|((create|new|start|open)[-_]?)?sessions?|jwt|"
    r"authenticat(e|ion)|authorize)(\.(json|php|aspx?|do|cgi))?$"
)
_ENDS_A_LOGIN: Final = re.compile(r"^(log-?out|sign-?out|revoke|introspect|userinfo|status|verify|validate)$")
_STATE: Final = {
    "clock": "market open",
    "market-status": "market open",
    "is_open": "market open",
    "account": "account",
    "balance": "balance",
    "balances": "balance",
    "funds": "balance",
    "buying_power": "balance",
    "market_status": "market open",
    "is-open": "market open",
    "healthcheck": "service up",
    "health-check": "service up",
    "heartbeat": "service up",
    "alive": "service up",
    "health": "service up",
    "healthz": "service up",
    "healthy": "service up",
    "ready": "service up",
    "readyz": "service up",
    "livez": "service up",
    "ping": "service up",
    "status": "service up",
    "market-open": "market open",
    "market_open": "market open",
    "is_market_open": "market open",
    "isopen": "market open",
    "buying-power": "balance",
    "up": "service up",
    "live": "service up",
    "readiness": "service up",
    "liveness": "service up",
    "market-hours": "market open",
    "market_hours": "market open",
    "markethours": "market open",
    "marketstatus": "market open",
    "trading-hours": "market open",
    "is-market-open": "market open",
    "positions": "account",
    "position": "account",
    "quota": "quota",
    "rate_limit": "quota",
    "rate-limit": "quota",
}
_RUNNING: Final = re.compile(r"(?i)(^|[_-])(id|uuid|page|offset|cursor|after|before|next|start)$|[a-z]Id$")
_IN_WORDS: Final = ("status", "health", "healthcheck", "heartbeat", "balance", "balances")
_SUFFIX: Final = re.compile(r"\.(json|xml|xsl|php|txt|html?|csv|aspx?)$")
_PORT: Final = re.compile(r":(80|443)$")
_MOST_TURNS: Final = 40
# Names of settings that hold a whole address.
_ADDRESS: Final = re.compile(r"(?i)(^|[_.:-])(url|uri|endpoint|feed|webhook|address|href|link|api)s?$")
_LOGIN_ADDRESS: Final = re.compile(r"(?i)(token|auth|oauth|log-?in|session)[_-]?(url|uri|endpoint|address)$")
# Differ from call to call without the data being other data, or are secret.
_NOT_DATA: Final = re.compile(
    r"(?i)^(_|t|ts|timestamp|nonce|recvwindow|sig|signature|key|api_?key|apikey|token|access_token|auth|appid)$"
)

_KEY: Final = re.compile(r"(?i)key|token|auth|sig|appid")


@dataclass(frozen=True, slots=True)
class Hole:
    """A part that is only known when the script runs: `name` for people, `source` as the script computes it.

    `env` is what stays the same all day, such as a variable of the environment; `values` is all that a loop puts there;
    `same` says what it is where others may spell it otherwise: `day 0` for today.
    """

    name: str
    source: str = ""
    env: bool = False
    parameter: bool = False
    values: tuple[str, ...] = ()
    same: str = ""


Text = tuple[str | Hole, ...]
UNKNOWN: Final[Text] = (Hole("?"),)


def joined(*texts: Text) -> Text:
    """Return the texts one after the other, neighbouring fixed parts put together."""
    parts: list[str | Hole] = []
    for part in (p for text in texts for p in text):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    return tuple(parts)


def literal(text: Text) -> str | None:
    """Return the text if all of it is known."""
    return "".join(p for p in text if isinstance(p, str)) if all(isinstance(p, str) for p in text) else None


def masked(text: Text) -> str:
    """Return the text with `{}` for what varies; environment variables keep their name: they stay the same all day."""
    return "".join(p if isinstance(p, str) else _masked(p) for p in text)


def _masked(hole: Hole) -> str:
    if hole.same:
        return f"{{{hole.same}}}"
    return f"{{env:{hole.name}}}" if hole.env else "{}"


def shown(text: Text) -> str:
    """Return the text with `{name}` for what varies."""
    return "".join(p if isinstance(p, str) else "{" + p.name + "}" for p in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address with its query, without what is secret in it (`with_key`).

    `complete` is False when parameters are added that cannot be read.
    """

    url: Text
    query: tuple[tuple[str, Text], ...]
    complete: bool = True
    with_key: bool = False

    @property
    def key(self) -> str:
        """Return what equal requests have in common: host, path, and the query in alphabetical order."""
        base = masked(self.url).split("://", 1)[-1]
        host, _, path = base.partition("/")
        pairs = sorted((unquote_plus(k), unquote_plus(masked(v))) for k, v in self.query)
        query = "&".join(f"{k}={v}" for k, v in pairs)
        unread = "" if self.complete else "&{more}"
        address = f"{_PORT.sub('', host.lower())}/{unquote(path)}".rstrip("/")
        return address + (f"?{query}{unread}" if query or unread else "")

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the key of each address that a loop over a known list asks for; none where that is not known."""
        turning = [h for h in self.holes if h.values]
        varying = [h for h in self.holes if not h.values and not h.env]
        if not turning or varying or prod(len(h.values) for h in turning) > _MOST_TURNS:
            return ()
        found = []
        for values in product(*(h.values for h in turning)):
            put: dict[str | Hole, str] = dict(zip(turning, values, strict=True))

            def filled(text: Text, put: dict[str | Hole, str] = put) -> Text:
                return joined(tuple(put.get(p, p) for p in text))

            one = replace(self, url=filled(self.url), query=tuple((k, filled(v)) for k, v in self.query))
            found.append(one.key)
        return tuple(dict.fromkeys(found))

    @property
    def shown(self) -> str:
        query = "&".join(f"{k}={shown(v)}" for k, v in self.query)
        return shown(self.url) + (f"?{query}" if query else "")

    @property
    def path(self) -> list[str]:
        """Return the segments after the host."""
        return [s for s in masked(self.url).split("://", 1)[-1].split("/")[1:] if s]

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return what varies: first in the path, then in the query in alphabetical order."""
        parts = [*self.url, *(p for _, text in sorted(self.query, key=lambda q: q[0]) for p in text)]
        return tuple(dict.fromkeys(p for p in parts if isinstance(p, Hole)))

    @property
    def names(self) -> tuple[str, ...]:
        """Return a parameter's name for each hole, as a pull takes them: small letters, no two alike."""
        found: list[str] = []
        for number, hole in enumerate(self.holes, 1):
            name = re.sub(r"[^a-z0-9_]+", "_", hole.name.lower()).strip("_")
            found.append(name if name.isidentifier() and name not in found else f"part{number}")
        return tuple(found)

    @property
    def template(self) -> str:
        """Return the address as `[pull.NAME] url` takes it: `{name}` for what varies."""
        names = {hole: "{" + name + "}" for hole, name in zip(self.holes, self.names, strict=True)}

        def filled(text: Text) -> str:
            return "".join(p if isinstance(p, str) else names[p] for p in text)

        query = "&".join(f"{k}={filled(v)}" for k, v in self.query)
        return filled(self.url) + (f"?{query}" if query else "")

    @property
    def comparable(self) -> bool:
        """Whether enough is known to say that two are the same: a host or the variable it comes from."""
        first = self.url[0] if self.url else ""
        if isinstance(first, Hole) and first.values:
            return all(re.match(r"\w+://[^/]", value) for value in first.values)
        if isinstance(first, Hole):
            return bool(first.same) or (first.env and (bool(self.path) or bool(_ADDRESS.search(first.name))))
        return "://" in first and bool(first.split("://", 1)[1].split("/")[0])

    @property
    def one_of_many(self) -> bool:
        """Whether it asks for a thing by an id or a page that only running tells: two scripts rarely mean the same."""
        return any(not (h.env or h.values or h.same) and _RUNNING.search(h.name) for h in self.holes)

    @property
    def is_login(self) -> bool:
        if len(self.url) == 1 and isinstance(self.url[0], Hole):  # the whole address is a setting
            return bool(_LOGIN_ADDRESS.search(self.url[0].name))
        last = [s.lower() for s in self.path[-2:]]
        last += [s.rpartition(".")[2] for s in last[-1:]]  # `/xrpc/com.atproto.server.createSession`
        return any(_LOGIN.match(s) for s in last) and not _ENDS_A_LOGIN.match(last[-1])

    @property
    def ends_in_a_login(self) -> bool:
        """Whether the last part of the path is a token or a login: then reading it, too, may be one."""
        return bool(self.path) and bool(re.match(r"(\w+[-_]?)?(tokens?|log-?in|authenticate)$", self.path[-1].lower()))

    @property
    def state(self) -> str:
        """Return which state this asks for (`market open`, `balance`, ...), empty if none."""
        if not self.path:
            return ""
        last = _SUFFIX.sub("", self.path[-1].lower())
        words = re.split(r"[-_.]", last)
        if last in _STATE or len(words) > 3:
            return _STATE.get(last, "")
        # `status-json`, `server-status`: what it is about stands first or last.
        return next((_STATE[w] for w in (words[0], words[-1]) if w in _IN_WORDS), "")

    @property
    def host(self) -> str:
        return masked(self.url).split("://", 1)[-1].split("/")[0].split("@")[-1]

    @property
    def stem(self) -> str:
        fixed = [s for s in self.path if "{" not in s and not re.fullmatch(r"v\d+(\.\d+)?|api|csv|rest", s)]
        return "_".join(fixed[-2:]) or domain(self.host)


def endpoint(url: Text, params: Mapping[str, Text] | None) -> Endpoint | None:
    """Return the endpoint of `url` with `params`; None when nothing of it is known.

    Args:
        params: None when parameters are added that cannot be read.
    """
    whole = len(url) == 1 and isinstance(url[0], Hole) and (url[0].env or url[0].values)
    if not whole and not any(isinstance(p, str) and p.strip("/") for p in url):
        return None
    cut = next((n for n, p in enumerate(url) if isinstance(p, str) and "?" in p), None)
    query: dict[str, Text] = {}
    if cut is not None:
        before, _, after = str(url[cut]).partition("?")
        query.update(_query(joined((after,), url[cut + 1 :])))
        # A query that is put together elsewhere: which parameters it has is not known.
        unread = any(isinstance(p, Hole) for p in url[cut + 1 :][:1]) and after == ""
        params = None if unread and not query else params
        url = joined(url[:cut], (before,))
    query.update(params or {})
    kept = tuple((k, v) for k, v in query.items() if not _NOT_DATA.match(k))
    with_key = any(_KEY.search(k) for k in query)
    return Endpoint(url=url, query=kept, complete=params is not None, with_key=with_key)


def _query(text: Text) -> dict[str, Text]:
    """Part `a=1&b={hole}` into its parameters."""
    pairs: list[list[str | Hole]] = [[]]
    for part in text:
        if isinstance(part, Hole):
            pairs[-1].append(part)
            continue
        first, *rest = part.split("#")[0].split("&")
        pairs[-1].append(first)
        pairs += [[piece] for piece in rest]
    found: dict[str, Text] = {}
    for pair in pairs:
        if pair and isinstance(pair[0], str) and "=" in pair[0]:
            name, _, value = pair[0].partition("=")
            found[name] = joined((value,), tuple(pair[1:]))
    return found


def domain(host: str) -> str:
    """Return the word a host is known by: `api.meridianbroker.com` -> `meridianbroker`."""
    if host.startswith("{env:"):
        return re.split(r"[.:]", host.strip("{}"))[-1].lower()
    labels = [label for label in host.partition(":")[0].split(".") if label]
    if not labels or labels[-1].isdigit():
        return "local"
    return labels[-2] if len(labels) > 1 else labels[0]


def userinfo(url: str) -> tuple[str, str] | None:
    """Return user and password written into an address."""
    try:
        parts = urlsplit(url)
        return (parts.username or "", parts.password) if parts.password else None
    except ValueError:
        return None
