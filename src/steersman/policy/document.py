"""The `[policy]` part of steersman.toml, turned into canonical text by full parameter name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from steersman.kernel.toml_file import TomlFile
from steersman.policy.halts import KINDS
from steersman.policy.parameter import Catalogue, Kind, Parameter


def read_policy(file: TomlFile, catalogue: Catalogue, *, known: Mapping[str, set[str]]) -> dict[str, str]:
    """Return every value the file sets, e.g. `{"trading.max_qty": "500", "trading.max_qty@strategy:trend": "200"}`.

    `[policy.trading]` sets values; `[policy.trading.strategy.trend]` (or `instrument`, `venue`) overrides them there.

    Args:
        known: the names there are, by scope kind; an override for anything else is a typo.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    top = file.get("policy")
    if top is None:
        return {}
    if not isinstance(top, Mapping):
        raise file.error(("policy",), "expected a table", fix="write [policy.trading]")
    values: dict[str, str] = {}
    for domain, table in top.items():
        if not isinstance(table, Mapping) or not any(n.startswith(f"{domain}.") for n in catalogue.names()):
            domains = sorted({n.partition(".")[0] for n in catalogue.names()})
            raise file.error(
                ("policy", domain), "no parameters of that name", fix=f"use [policy.{'] or [policy.'.join(domains)}]"
            )
        for path, scope, raw in _entries(file, domain, table, known):
            parameter = _parameter(file, path, catalogue, domain)
            if scope and scope.partition(":")[0] not in parameter.scopes:
                allowed = ", ".join(parameter.scopes) or "nothing"
                raise file.error(
                    path, f"may be overridden per {allowed} only", fix="set it in [policy.trading] instead"
                )
            values[f"{parameter.name}@{scope}" if scope else parameter.name] = _canonical(file, path, parameter, raw)
    return values


def _entries(
    file: TomlFile, domain: str, table: Mapping[str, object], known: Mapping[str, set[str]]
) -> Iterator[tuple[tuple[str, ...], str, object]]:
    """Yield (path in the file, override scope or "", raw value)."""
    for key, raw in table.items():
        if not isinstance(raw, Mapping):
            yield ("policy", domain, key), "", raw
            continue
        if key not in KINDS:
            raise file.error(
                ("policy", domain, key), "is not a kind of override", fix=f"use one of: {', '.join(KINDS)}"
            )
        for name, inner in raw.items():
            path = ("policy", domain, key, name)
            if name not in known.get(key, set()):
                there = ", ".join(sorted(known.get(key, set()))) or "none"
                raise file.error(path, f"no {key} of that name is declared", fix=f"declared: {there}")
            if not isinstance(inner, Mapping):
                raise file.error(path, "expected a table of parameters", fix=f"write [policy.{domain}.{key}.{name}]")
            for parameter, value in inner.items():
                yield (*path, parameter), f"{key}:{name}", value


def _parameter(file: TomlFile, path: tuple[str, ...], catalogue: Catalogue, domain: str) -> Parameter:
    found = catalogue.get(f"{domain}.{path[-1]}")
    if found is not None:
        return found
    names = [n.partition(".")[2] for n in catalogue.names() if n.startswith(f"{domain}.")]
    near = difflib.get_close_matches(path[-1], names, n=1)
    raise file.error(
        path, "unknown parameter", fix=f"did you mean `{near[0]}`?" if near else f"use one of: {', '.join(names)}"
    )


def _canonical(file: TomlFile, path: tuple[str, ...], parameter: Parameter, raw: object) -> str:
    match raw:
        case bool():
            text = "true" if raw else "false"
        case list() if parameter.kind is Kind.NAMES:
            text = ", ".join(str(part) for part in raw)
        case int() | float() | str():
            text = str(raw)
        case _:
            raise file.error(path, f"found {raw!r}, allowed: {parameter.allowed()}", fix="write one value")
    try:
        parameter.parse(text)
    except ValueError as exc:
        raise file.error(
            path, str(exc), fix=f"{parameter.summary.rstrip('.')}; change the value in {file.name}"
        ) from exc
    return text
