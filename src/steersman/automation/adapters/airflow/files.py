"""The files of an export on disk: ours are known by their first line, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

from steersman.automation.adapters.airflow.dags import Plan
from steersman.automation.adapters.airflow.render import Mark, Target, file_text, first_line, mark_of
from steersman.kernel.errors import Misconfigured

_HEAD_CHARS = 10_000


def write(plan: Plan, target: Target, digest: str, folder: Path) -> list[Path]:
    """Write the files of `plan` and remove those of ours that are not in it; return what is there now, sorted.

    Each file is replaced whole, so Airflow never reads half of one; one that is as it should be is not touched.

    Raises:
        Misconfigured: a file has our name and is another's, or the folder cannot be written.
    """
    texts = {name: file_text(dags, plan, target, digest) for name, dags in plan.files.items()}
    texts[f"steersman_{target.prefix}.txt"] = _notes(plan, target, digest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _ours(folder, target)
        _refuse_others(folder, list(texts), before, target)
        for name, text in texts.items():
            _replace(folder / name, text)
        for path in before:
            if path.name not in texts:
                path.unlink(missing_ok=True)
    except OSError as exc:
        raise Misconfigured(
            f"{exc.filename or folder} cannot be written: {exc.strerror}", fix="name a folder that this user may write"
        ) from exc
    return [folder / name for name in sorted(texts)]


def marks(folder: Path, target: Target) -> dict[str, Mark]:
    """Return the marks of the DAG files of this workspace in `folder`, by file name."""
    return {path.name: mark for path, mark in _ours(folder, target).items() if path.suffix == ".py"}


def _ours(folder: Path, target: Target) -> dict[Path, Mark]:
    found = {}
    for path in sorted(folder.glob(f"steersman_{target.prefix}*")):
        if path.suffix in (".py", ".txt") and (mark := _mark(path)) and mark.workspace == target.workspace:
            found[path] = mark
    return found


def _refuse_others(folder: Path, names: list[str], ours: dict[Path, Mark], target: Target) -> None:
    for name in names:
        path = folder / name
        if path not in ours and (path.exists() or path.is_symlink()):
            mark = _mark(path)
            whose = f"belongs to the workspace {mark.workspace}" if mark else "was not written by Steersman"
            raise Misconfigured(
                f"{path} {whose}; nothing was exported",
                fix=f"move it, or write another prefix than {target.prefix!r} in [engine]",
            )


def _mark(path: Path) -> Mark | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return mark_of(file.read(_HEAD_CHARS))
    except OSError:
        return None


def _replace(path: Path, text: str) -> None:
    if not path.is_symlink() and path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    # Airflow reads files that end in .py.
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _notes(plan: Plan, target: Target, digest: str) -> str:
    """Return the note that lies beside the files: what starts what, and what Airflow does otherwise."""
    lines = [first_line(target.workspace, digest), ""]
    lines += [f"{dag.dag_id}: {dag.words}; runs {', '.join(dag.members)}" for dag in plan.dags] or ["no DAGs"]
    lines += ["", "What Airflow does otherwise than the other engines:"]
    lines += [f"- {name}: {difference}" for name, difference in plan.differs.items()] or ["- nothing"]
    lines += ["", "As everywhere, and good to know in Airflow:", *(f"- {note}" for note in plan.notes)]
    return "\n".join(lines) + "\n"
