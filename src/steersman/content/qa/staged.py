"""What a commit would take: the drafts as they are staged, whatever the work tree says by now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from steersman.content.drafts import draft_of_bytes, is_draft_name
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Finding
from steersman.content.qa.changed import git, need_work_tree
from steersman.content.qa.checker import Report
from steersman.content.qa.reporting import refused, report_of
from steersman.content.settings import QaSettings


def staged_names(root: Path, settings: QaSettings) -> list[str]:
    """Return the drafts that the next commit adds, changes or renames, sorted.

    Raises:
        Misconfigured: `root` is in no git repository.
    """
    need_work_tree(root)
    raw = git(root, "diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT", "--relative", "--")
    names = (name.decode("utf-8", "surrogateescape") for name in raw.split(b"\0") if name)
    return sorted(name for name in names if is_draft_name(name, settings.folder))


def named(root: Path, names: Sequence[str], only: Sequence[Path]) -> list[str]:
    """Return those of `names` that `only` (files or folders, from here or the workspace) asks for; all, if none."""
    home = root.resolve()
    asked = {place for path in only for place in (path.resolve(), (home / path).resolve())}
    return [name for name in names if not only or asked & {home / name, *(home / name).parents}]


def read_staged(root: Path, name: str) -> bytes:
    """Return the staged bytes of the draft `name`."""
    return git(root, "cat-file", "blob", f":./{name}")


def check_staged(
    root: Path, settings: QaSettings, names: Sequence[str], findings: Callable[[Draft], list[Finding]]
) -> list[Report]:
    """Check what is staged of the drafts `names`; nothing is recorded: it may never be committed."""
    reports = []
    for name in names:
        try:
            draft = draft_of_bytes(read_staged(root, name), name, settings)
        except DraftUnreadable as refusal:
            reports.append(refused(refusal))
        else:
            reports.append(report_of(draft, findings(draft)))
    return reports
