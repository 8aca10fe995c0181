"""`[kpi.NAME]` in steersman.toml: targets for the standard KPIs, and KPIs of your own over any event."""

from __future__ import annotations

import difflib
import math
import re
from typing import Final

import msgspec

from steersman.feedback.kpi import AGGREGATES, Aggregate, Direction, Kpi, Source
from steersman.feedback.standard import STANDARD
from steersman.kernel.toml_file import TomlFile

SECTION: Final = "kpi"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\.\*")
_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_OWN_ONLY: Final = (
    "type",
    "field",
    "aggregate",
    "over",
    "where",
    "by",
    "unit",
    "title",
    "direction",
    "domain",
    "factor",
)
_NEED_FIELD: Final = ("sum", "mean", "max", "min", "p50", "p95", "share_positive")


class OverTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`over = { type = ..., field = ..., where = {...} }`: what a ratio divides by."""

    type: str
    field: str | None = None
    where: dict[str, str] = {}


class KpiTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[kpi.NAME]`.

    For a standard KPI only `target`, `guardrail` and `enabled` may be set. Any other NAME declares a KPI of your own,
    which needs `type`; the rest is explained in `Kpi` and `Source`.
    """

    target: float | None = None
    guardrail: float | None = None
    enabled: bool = True
    type: str | None = None
    field: str | None = None
    aggregate: Aggregate | None = None
    over: OverTable | None = None
    where: dict[str, str] | None = None
    by: str | None = None
    unit: str | None = None
    title: str | None = None
    direction: Direction | None = None
    domain: str | None = None
    summary: str | None = None
    factor: float | None = None


KpiSettings = dict[str, KpiTable]


def validate(file: TomlFile, tables: KpiSettings) -> tuple[Kpi, ...]:
    """Return the KPIs in force: the standard ones with their settings applied, then the declared ones.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    known = {kpi.name for kpi in STANDARD}
    kpis = [_adjusted(file, kpi, tables.get(kpi.name, KpiTable())) for kpi in STANDARD]
    kpis += [_declared(file, name, table) for name, table in tables.items() if name not in known]
    off = {name for name, table in tables.items() if not table.enabled}
    return tuple(kpi for kpi in kpis if kpi.name not in off)


def _adjusted(file: TomlFile, kpi: Kpi, table: KpiTable) -> Kpi:
    """Return a standard KPI with the operator's target and guardrail."""
    for field in (*_OWN_ONLY, "summary"):
        if getattr(table, field) is not None:
            raise file.error(
                (SECTION, kpi.name, field),
                "cannot be set: this is a standard KPI; allowed here: target, guardrail, enabled",
                fix=f"remove {field}, or give your own KPI another name",
            )
    adjusted = msgspec.structs.replace(
        kpi,
        target=kpi.target if table.target is None else table.target,
        guardrail=kpi.guardrail if table.guardrail is None else table.guardrail,
    )
    _check_levels(file, adjusted)
    return adjusted


def _declared(file: TomlFile, name: str, table: KpiTable) -> Kpi:
    """Return the KPI that the operator declares."""
    here = (SECTION, name)
    if table.type is None:
        near = difflib.get_close_matches(name, [kpi.name for kpi in STANDARD], n=1)
        raise file.error(
            here,
            "is not a standard KPI, and without `type` it declares none",
            fix=f"did you mean [kpi.{near[0]}]?" if near else 'add e.g. type = "automation.run.finished"',
        )
    if not _NAME.fullmatch(name):
        raise file.error(
            here, "a name is a small letter, then small letters, digits or _ (40 at most)", fix="rename it"
        )
    aggregate = table.aggregate or ("ratio" if table.over else "sum" if table.field else "count")
    _check_source(file, here, table, aggregate)
    over = table.over
    kpi = Kpi(
        name=name,
        domain=table.domain or table.type.partition(".")[0],
        title=table.title or name.replace("_", " ").capitalize(),
        unit=table.unit if table.unit is not None else "ratio" if aggregate in ("ratio", "share_positive") else "",
        direction=table.direction or "up",
        aggregate=aggregate,
        source=Source(type=table.type, field=table.field, where=table.where or {}, by=table.by),
        over=None if over is None else Source(type=over.type, field=over.field, where=over.where),
        factor=1.0 if table.factor is None else table.factor,
        target=table.target,
        guardrail=table.guardrail,
        summary=table.summary or f"Declared in {file.name}.",
    )
    _check_levels(file, kpi)
    return kpi


def _check_source(file: TomlFile, here: tuple[str, ...], table: KpiTable, aggregate: Aggregate) -> None:
    types = {"type": table.type, "over": table.over.type if table.over else None}
    for field, text in types.items():
        if text is not None and not _TYPE.fullmatch(text):
            raise file.error(
                (*here, field), f"{text!r} is not an event type", fix='write e.g. "automation.run.finished"'
            )
    over_field = table.over.field if table.over else None
    for field, path in (("field", table.field), ("by", table.by), ("over", over_field)):
        if path is not None and not _PATH.fullmatch(path):
            raise file.error((*here, field), f"{path!r} is not a dotted path", fix='write e.g. "result.rows"')
    if aggregate in _NEED_FIELD and table.field is None:
        raise file.error(
            (*here, "aggregate"),
            f"{aggregate} needs a number to work on; found no `field`",
            fix=f'add field = "...", or use aggregate = "count" (of {", ".join(AGGREGATES)})',
        )
    if (aggregate == "ratio") and table.over is None:
        raise file.error((*here, "aggregate"), "a ratio needs `over`", fix='add over = { type = "..." }')
    if table.over is not None and aggregate not in ("ratio", "count", "sum"):
        raise file.error((*here, "over"), f"has no meaning for {aggregate}", fix='use aggregate = "ratio"')
    if aggregate == "count" and table.field is not None:
        raise file.error((*here, "field"), "a count looks at no field", fix='use aggregate = "sum", or remove field')


def _check_levels(file: TomlFile, kpi: Kpi) -> None:
    """Refuse figures that are no numbers, and a guardrail on the wrong side of the target."""
    for field, number in (("target", kpi.target), ("guardrail", kpi.guardrail), ("factor", kpi.factor)):
        if number is not None and not math.isfinite(number):
            raise file.error((SECTION, kpi.name, field), f"found {number}, allowed: a number", fix=f"change {field}")
    if kpi.target is None or kpi.guardrail is None or kpi.is_better(kpi.target, than=kpi.guardrail):
        return
    side = "below" if kpi.direction == "up" else "above"
    raise file.error(
        (SECTION, kpi.name, "guardrail"),
        f"found {kpi.guardrail:g} with target {kpi.target:g}: up is better"
        if kpi.direction == "up"
        else f"found {kpi.guardrail:g} with target {kpi.target:g}: down is better",
        fix=f"put the guardrail {side} the target",
    )
