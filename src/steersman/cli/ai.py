"""`steersman ai`: which models may be asked, what they cost today, and what is remembered of their answers."""

from __future__ import annotations

from typing import Any

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table

app = noun("Language models: which may be asked, what they cost today, and their answers on this disk.")


@app.command()
def status(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Show models, prices, today's budget and the cache. Asks no model."""
    from steersman.ai.money import amount, shown  # `--help` needs no domain
    from steersman.ai.store import Store
    from steersman.kernel.clock import utc

    with opened(directory) as desk:
        declared, store = desk.workspace.ai, Store(desk.workspace.models)
        day = utc(desk.clock.now_ns()).astimezone(_zone(desk.workspace.desk.tz)).date().isoformat()
        spent = {one.model: one for one in store.by_model(day)}
        total, answers = amount(store.spent(day)), store.answers()
    ai = declared.ai
    rows: list[dict[str, Any]] = []
    for name, settings in declared.models.items():
        one = spent.get(name)
        rows.append(
            {
                "model": name, "provider_model": settings.provider_model, "address": settings.address,
                "is_local": settings.is_local, "input_price": settings.input_price,
                "output_price": settings.output_price, "calls": one.calls if one else 0,
                "unsettled": one.open if one else 0, "input_tokens": one.input_tokens if one else 0,
                "output_tokens": one.output_tokens if one else 0, "cost": amount(one.cost) if one else amount(0),
            }
        )  # fmt: skip
    facts = {
        "remote": ai.remote, "currency": ai.currency, "daily_budget": ai.budget, "day": day, "spent": total,
        "left": max(ai.budget - total, amount(0)), "answers": answers, "models": rows,
    }  # fmt: skip

    def render() -> None:
        out = console()
        show_table(
            "",
            [("model", "left"), ("is", "left"), ("where", "left"), ("per M in/out", "right"), ("calls", "right"),
             ("tokens", "right"), ("cost", "right")],
            [
                [r["model"], r["provider_model"], "here" if r["is_local"] else r["address"].partition("//")[2],
                 f"{r['input_price'] or 0}/{r['output_price'] or 0}", r["calls"],
                 r["input_tokens"] + r["output_tokens"], shown(r["cost"])]
                for r in rows
            ],
            empty="no models yet: write [model.local] into steersman.toml (docs/reference/ai.md)",
        )  # fmt: skip
        leave = "may leave this machine" if ai.remote else "stay on this machine"
        out.print(f"texts {leave}; {answers} answers remembered", markup=False)
        out.print(f"today {shown(total)} of {shown(ai.budget)} {ai.currency} spent", markup=False)
        for row in rows:
            if row["unsettled"]:
                out.print(
                    f"{row['unsettled']} calls to {row['model']} never came back: they count with all they could cost",
                    markup=False,
                )

    emit(as_json, facts, render)


@app.command()
def forget(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Delete the remembered answers: they quote drafts. What was spent stays on record."""
    from steersman.ai.store import Store  # as above

    with opened(directory) as desk:
        count = Store(desk.workspace.models).forget()
    emit(as_json, {"forgotten": count}, lambda: console().print(f"{count} answers forgotten", markup=False))


def _zone(tz: str) -> Any:
    from zoneinfo import ZoneInfo  # as above

    return ZoneInfo(tz)
