"""What an operator should know of this engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from steersman.automation.adapters.airflow.dags import Plan
from steersman.automation.adapters.airflow.installation import Installation
from steersman.automation.adapters.airflow.render import Mark
from steersman.automation.ports import Fact
from steersman.kernel.errors import Unavailable

_SHOWN = 3


def airflow_fact(installation: Installation | None) -> tuple[str, Fact]:
    """Return Airflow's version, and whether it can be asked."""
    if installation is None:
        fix = 'write python = "/path/to/venv/bin/python" in [engine], where Airflow is installed'
        found = "no python is named: DAGs can be exported, not checked and not run by hand"
        return "unknown", Fact(name="airflow", level="warn", found=found, fix=fix)
    try:
        version = installation.version()
    except Unavailable as exc:
        return "unknown", Fact(name="airflow", level="fail", found=exc.message, fix=exc.fix)
    return version, Fact(name="airflow", level="ok", found=version)


def files_fact(folder: Path | None, marks: dict[str, Mark], digest: str | None) -> Fact:
    """Say whether the exported files are those of the manifest with this digest; None: it is not known."""
    if folder is None:
        fix = 'write dags = "/path/to/dags" in [engine]'
        return Fact(name="DAG files", level="warn", found="no folder of DAGs is named", fix=fix)
    fix = f"steersman auto engine export {folder}"
    if not marks:
        return Fact(name="DAG files", level="warn", found=f"none of this workspace in {folder}", fix=fix)
    digests = {mark.digest for mark in marks.values()}
    count = f"{len(marks)} in {folder}"
    if digest is not None and digests != {digest}:
        found = f"{count}, of another manifest than the one in force ({digest[:12]})"
        return Fact(name="DAG files", level="warn", found=found, fix=fix)
    of = " and ".join(sorted(d[:12] for d in digests))
    return Fact(name="DAG files", level="ok", found=f"{count}, of manifest {of}")


def import_fact(installation: Installation, folder: Path) -> Fact:
    """Say whether Airflow can read the files in `folder`; it is asked to."""
    try:
        errors = installation.import_errors(folder)
    except Unavailable as exc:
        return Fact(name="import errors", level="fail", found=exc.message, fix=exc.fix)
    if not errors:
        return Fact(name="import errors", level="ok", found="none")
    shown = "; ".join(f"{e.file}: {e.error}" for e in errors[:_SHOWN])
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    return Fact(name="import errors", level="fail", found=shown + more, fix="export again, or mend that file")


def difference_facts(plan: Plan) -> Iterator[Fact]:
    """Yield what Airflow does otherwise than our own engines."""
    for name, difference in plan.differs.items():
        yield Fact(name=f"{name} differs", level="ok", found=difference)
