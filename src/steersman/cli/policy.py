"""`steersman policy`: the limits in force, one of them explained, and every version there was."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import iso
from steersman.kernel.errors import Misconfigured
from steersman.policy.parameter import Catalogue, Parameter
from steersman.policy.snapshot import Snapshot

app = noun("The limits in force: every decision names the version it was made under.")


def _row(parameter: Parameter, snapshot: Snapshot, written: dict[str, str]) -> dict[str, object]:
    value = snapshot.get(parameter.name)
    return {
        "name": parameter.name,
        "value": None if value is None else ", ".join(value) if isinstance(value, tuple) else str(value),
        "unit": parameter.unit,
        "source": "steersman.toml" if parameter.name in written else "default" if value is not None else "not set",
        "allowed": parameter.allowed(),
        "level": parameter.level.value,
        "loosens": parameter.loosens.value,
        "overrides": {k: v for k, v in written.items() if k.startswith(f"{parameter.name}@")},
        "summary": parameter.summary,
    }


@app.command("list")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every parameter with its value in force."""
    from steersman.bootstrap.workspace import CATALOGUE  # `--help` needs no domain

    with opened(directory) as desk:
        from steersman.policy.store import history  # as above

        snapshot, versions = desk.policy, history(desk.ledger)
        written = versions[-1][1].values if versions else {}
        rows = [_row(p, snapshot, written) for p in CATALOGUE]

    def render() -> None:
        def cell(row: dict[str, object]) -> list[object]:
            overrides = row["overrides"]
            extra = (
                "".join(f"\n{k.partition('@')[2]}: {v}" for k, v in overrides.items())
                if isinstance(overrides, dict)
                else ""
            )
            return [row["name"], f"{'-' if row['value'] is None else row['value']}{extra}", row["unit"], row["source"]]

        show_table(
            f"policy version {snapshot.version}",
            [("parameter", "left"), ("value", "right"), ("unit", "left"), ("from", "left")],
            [cell(row) for row in rows],
            empty="no parameters are declared",
        )

    emit(as_json, rows, render)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="e.g. trading.max_notional")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Explain one parameter: value, bounds, who may change it, and how it changed."""
    from steersman.bootstrap.workspace import CATALOGUE  # `--help` needs no domain
    from steersman.policy.store import history  # as above

    parameter = CATALOGUE.get(name)
    if parameter is None:
        raise _unknown(name, CATALOGUE)
    with opened(directory) as desk:
        versions = history(desk.ledger)
        row = _row(parameter, desk.policy, versions[-1][1].values if versions else {})
        row["changes"] = [
            {"version": v.version, "at": iso(e.recorded_at), "parameter": key, "before": change[0], "after": change[1]}
            for e, v in versions
            for key, change in v.changed.items()
            if key.partition("@")[0] == parameter.name
        ]

    def render() -> None:
        out = console()
        for key, value in row.items():
            if key == "changes":
                continue
            out.print(f"{key:>10}  {value}", markup=False)
        for change in row["changes"]:  # type: ignore[attr-defined]  # built as a list just above
            moved = f"{change['parameter']}: {change['before']} -> {change['after']}"
            out.print(f"  v{change['version']} {change['at']}  {moved}", markup=False)

    emit(as_json, row, render)


@app.command("history")
def history_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every version that was ever in force, and what it changed."""
    from steersman.policy.store import history  # `--help` needs no domain

    with opened(directory) as desk:
        rows = [
            {
                "version": v.version,
                "at": iso(e.recorded_at),
                "by": e.actor,
                "reason": v.reason,
                "changed": {k: list(change) for k, change in v.changed.items()},
                "pos": e.pos,
            }
            for e, v in history(desk.ledger)
        ]

    def render() -> None:
        def changes(row: dict[str, object]) -> str:
            changed = row["changed"]
            assert isinstance(changed, dict)  # noqa: S101 - built as a dict just above
            if row["version"] == 1:
                return f"{len(changed)} values set"
            return "\n".join(f"{k}: {before} -> {after}" for k, (before, after) in changed.items())

        show_table(
            "policy versions",
            [("version", "right"), ("when", "left"), ("by", "left"), ("changes", "left")],
            [[row["version"], row["at"], row["by"], changes(row)] for row in rows],
            empty="no version is in force yet: `steersman up` or `steersman demo` activates the one in steersman.toml",
        )

    emit(as_json, rows, render)


def _unknown(name: str, catalogue: Catalogue) -> Misconfigured:
    import difflib  # only a typo needs it

    near = difflib.get_close_matches(name, catalogue.names(), n=1)
    return Misconfigured(
        f"there is no policy parameter {name!r}",
        fix=f"did you mean {near[0]}?" if near else "`steersman policy list` names them all",
    )
