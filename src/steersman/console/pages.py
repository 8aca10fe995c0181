"""Turning views into HTML: the templates, what they may call, and the fragments that live updates replace."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from steersman.console import wording
from steersman.console.assets import Assets
from steersman.console.content_text import visible
from steersman.console.drawing import margin_bar, sparkline
from steersman.console.overview import CARDS, Overview, signs
from steersman.console.shell import Shell
from steersman.console.when import ago
from steersman.feedback import KpiValue
from steersman.kernel.plurals import counted
from steersman.trading.events import CheckRow
from steersman.trading.gate import CHECKS

FRAGMENTS: Final = (
    "halt", "mode", "inbox_count", "pulse",
    "signs", "kpis", "equity", "positions", "waiting", "verdicts", "runs", "content", "footer",
)  # fmt: skip


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the page; equal digests mean equal HTML."""

    name: str
    digest: str
    html: str


class Pages:
    """The templates, compiled once; everything they print is escaped unless it was drawn here."""

    def __init__(self, assets: Assets) -> None:
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.globals.update(
            asset=assets.url,
            meanings={check.code: check.meaning for check in CHECKS},
            spark=_spark,
            share=_share,
            margin_bar=lambda share, ok: Markup(margin_bar(share, ok=ok)),  # noqa: S704 - numbers only
            verdict_url=lambda signal_id: f"/verdicts/{quote(signal_id, safe='')}",
            order_url=lambda order_id: f"/orders/{quote(order_id, safe='')}",
            run_url=lambda run_id: f"/runs/{quote(run_id, safe='')}",
            automation_url=lambda name: f"/automations/{quote(name, safe='')}",
            artifact_url=lambda run_id, name: f"/runs/{quote(run_id, safe='')}/artifacts/{quote(name)}",
            drawn=Markup,
            piece_url=lambda draft: f"/content/{quote(draft)}",
            hold_url=lambda approval_id: f"/inbox/{quote(approval_id)}",
            ago=ago,
        )
        environment.filters.update(
            money=wording.money,
            quantity=wording.quantity,
            amount=wording.amount,
            day=wording.day,
            moment=wording.moment,
            clock=wording.clock,
            second=wording.second,
            seconds=wording.seconds,
            fact=wording.fact,
            counted=counted,
            size=wording.size,
            visible=visible,
        )
        self._environment = environment

    def page(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)

    def fragments(self, view: Overview, shell: Shell) -> dict[str, Fragment]:
        """Return every live part of the overview, by name; and those of the frame, which all pages have."""
        shown = partial(self.page, view=view, shell=shell, signs=signs(view), cards=CARDS)
        return {name: _fragment(name, shown(f"fragments/{name}.html").strip()) for name in FRAGMENTS}

    def overview(self, view: Overview, shell: Shell) -> str:
        found = self.fragments(view, shell)
        marked = {name: Markup(part.html) for name, part in found.items()}  # noqa: S704 - rendered above
        digests = {name: part.digest for name, part in found.items()}
        return self.page("overview.html", view=view, shell=shell, parts=marked, digests=digests)


def _fragment(name: str, html: str) -> Fragment:
    return Fragment(name=name, digest=_digest(html), html=html)


def _digest(html: str) -> str:
    return hashlib.sha256(html.encode()).hexdigest()[:12]


def _spark(kpi: KpiValue) -> Markup:
    label = f"{kpi.title}, {len(kpi.series)} points by {kpi.period}" if kpi.period else kpi.title
    return Markup(sparkline(kpi.series, target=kpi.target, label=label))  # noqa: S704 - the label is escaped there


def _share(check: CheckRow) -> float | None:
    """Return which part of its limit a check used; None for a yes or no, or where a part means nothing."""
    if check.seen is None or check.limit is None or check.unit == "flag" or check.limit <= 0:
        return None
    # A check of a floor (e.g. cash that must remain) uses more of it the less is there.
    is_ceiling = check.margin is None or check.margin == check.limit - check.seen
    return check.seen / check.limit if is_ceiling else check.limit / check.seen if check.seen > 0 else 1.5
