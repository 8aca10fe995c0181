"""The audit of a folder: read every script, compare, and turn drafts into findings with their diffs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.audit import python, shell
from steersman.automation.audit.compare import Audit, Draft
from steersman.automation.audit.embedded import joined_into, modules_in
from steersman.automation.audit.facts import Change, Script
from steersman.automation.audit.files import scripts
from steersman.automation.audit.history import History
from steersman.automation.audit.model import CODES, SEVERITY, Code, Finding, NotRead, Report, Savings, Summary
from steersman.automation.audit.patch import NOT_VALID, apply, chosen, diff, veiled
from steersman.automation.audit.python_imports import link
from steersman.automation.audit.python_module import Folder, Module
from steersman.automation.audit.python_reach import Reach
from steersman.automation.audit.python_types import method_of
from steersman.automation.audit.settings_files import SettingsFiles
from steersman.automation.audit.shell_secrets import env_secrets
from steersman.automation.audit.shell_tree import Tree
from steersman.automation.audit.source import Source

# What replaces most comes first: a limit for a call that a pull replaces is not needed.
_ORDER: Final[tuple[Code, ...]] = (
    "LOGIN_REPEATED",
    "PULL_REPEATED",
    "CHECK_REPEATED",
    "SECRET_IN_CODE",
    "NO_TIMEOUT",
    "NO_RETRY",
    "POLLING",
)


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and the patch that makes its edits: with the secrets it takes out, so it is for the owner's eyes."""

    report: Report
    patch: str
    declarations: str


def examine(
    folder: Path,
    *,
    history: History | None = None,
    taken: Collection[str] = (),
    only: Collection[Code] = (),
    min_calls_per_day: float = 0.0,
    seen: Callable[[int], None] = lambda _count: None,
) -> Examined:
    """Read the scripts at or below `folder`; nothing is run, nothing is written.

    Args:
        history: recorded runs; without them no finding has a cost.
        taken: names of providers, pulls and automations that are declared already.
        only: codes to report, all when empty.
        seen: told after each script how many are read: for whoever waits.
        min_calls_per_day: leaves out findings that cost less, and those whose cost nobody knows, when above 0.

    Raises:
        Misconfigured: `folder` is no folder, or holds too many files.
    """
    known = history or History()
    read, unread = _read(folder, seen)
    drafts = Audit(scripts=read, history=known, taken=frozenset(taken)).drafts()
    kept = [d for d in drafts if (not only or d.code in only) and _costs(d, min_calls_per_day)]
    kept = [_safe(draft) for draft in kept]
    findings = sorted((_finding(d) for d in kept), key=_weight)
    return Examined(
        report=Report(
            findings=tuple(findings),
            not_read=tuple(unread),
            summary=_summary(findings, len(read), len(unread)),
        ),
        patch=_patch(kept),
        declarations="\n".join(dict.fromkeys(d.declared for d in kept if d.declared)),
    )


def _costs(draft: Draft, least: float) -> bool:
    return least <= 0 or (draft.cost is not None and draft.cost.calls_per_day >= least)


def _read(folder: Path, seen: Callable[[int], None]) -> tuple[list[Script], list[NotRead]]:
    read: list[Script] = []
    unread: list[NotRead] = []
    settings_files = SettingsFiles(folder)
    files = Folder(settings=settings_files)
    trees: list[Tree] = []
    modules: list[Module] = []
    settings: list[Source] = []
    for count, found in enumerate(scripts(folder), 1):
        seen(count)
        if isinstance(found, NotRead):
            unread.append(found)
            continue
        source, language = found
        if language == "python":
            module = python.parse(source, files)
            modules += [module] if isinstance(module, Module) else []
            unread += [module] if isinstance(module, NotRead) else []
        elif language == "shell":
            tree = shell.parse(source, settings_files)
            trees += [tree] if isinstance(tree, Tree) else []
            unread += [tree] if isinstance(tree, NotRead) else []
        else:
            settings.append(source)
    for tree in trees:
        tree.link(trees)
    inside = {tree: modules_in(tree, files) for tree in trees}
    modules += [module for found in inside.values() for module in found]
    by_module = dict(zip(modules, _python(modules, files), strict=True))
    read += [joined_into(shell.read(t), [by_module.pop(m) for m in found]) for t, found in inside.items()]
    read += by_module.values()
    read += [_settings(s) for s in settings if _is_read(s, read)]
    return sorted(read, key=lambda s: s.file), unread


def _python(modules: Sequence[Module], folder: Folder) -> list[Script]:
    """Return the Python scripts, each with what its calls into the other files ask for."""
    link(folder)
    folder.follow(method_of)
    by_http, reach = python.shared(folder), Reach(folder)
    files = {name: m.source.file for name, m in folder.modules.items()}
    read = []
    for module in modules:
        script = python.read(module, files)
        facts = [*by_http.get(module.name, [])]
        facts += [(what, f) for what in ("login", "pull", "check") for f in getattr(script, f"{what}s")]
        placed = [(what, replace(f, reached=reach.files(module, f.place.line))) for what, f in facts]
        read.append(
            replace(
                script,
                logins=tuple(f for what, f in placed if what == "login"),
                pulls=tuple(f for what, f in placed if what == "pull"),
                checks=tuple(f for what, f in placed if what == "check"),
            )
        )
    return read


def _is_read(settings: Source, read: Iterable[Script]) -> bool:
    """Say whether a script reads the `.env` file: it names it, or loads the one there is."""
    here = settings.file.rpartition("/")[0]
    names = (b".env", b"load_dotenv", b"dotenv_values")
    return any(s.file.rpartition("/")[0] == here and any(n in s.source.data for n in names) for s in read)


def _settings(source: Source) -> Script:
    return Script(file=source.file, language="env", source=source, secrets=tuple(env_secrets(source)))


def _safe(draft: Draft) -> Draft:
    """Return `draft` without its edits if they would not leave a valid script."""
    if not draft.change.edits:
        return draft
    script = draft.script
    if apply(script.source, script.language, [draft.change]) is not None:
        return draft
    return replace(draft, change=Change(why_not=NOT_VALID))


def _finding(draft: Draft) -> Finding:
    script, change = draft.script, draft.change
    after = apply(script.source, script.language, [change]) if change.edits else None
    return Finding(
        code=draft.code,
        severity=SEVERITY[draft.code],
        place=draft.place,
        what=veiled(draft.what, script.secrets),
        group=veiled(draft.group, script.secrets),
        evidence=draft.evidence,
        cost=draft.cost,
        diff=veiled(diff(script.source, after), script.secrets) if after is not None else "",
        why_no_edit=veiled(change.why_not, script.secrets),
        next_step=change.next_step or draft.next_step,
        declare=veiled(draft.declared, script.secrets),
    )


def _weight(finding: Finding) -> tuple[int, float, str, str, int]:
    calls = finding.cost.calls_per_day if finding.cost is not None else 0.0
    place = finding.place
    return CODES.index(finding.code), -calls, finding.group, place.file, place.line


def _patch(drafts: Sequence[Draft]) -> str:
    """Return one patch with every edit that can be made together with the others."""
    by_file: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        by_file[draft.script.file].append(draft)
    parts = []
    for _, found in sorted(by_file.items()):
        script = found[0].script
        changes = chosen([d.change for d in sorted(found, key=lambda d: _ORDER.index(d.code))])
        after = apply(script.source, script.language, changes) if changes else None
        if after is not None:
            parts.append(diff(script.source, after))
    return "".join(parts)


def _summary(findings: Sequence[Finding], read: int, unread: int) -> Summary:
    files = {f.place.file for f in findings}
    counts = Counter(f.code for f in findings)
    return Summary(
        scripts=read,
        findings={code: counts[code] for code in CODES if counts[code]},
        not_read=unread,
        with_edit=sum(bool(f.diff) for f in findings),
        without_history=sum(all(f.cost is None for f in findings if f.place.file == file) for file in files),
        savings=Savings(
            logins_per_day=_saved(findings, ("LOGIN_REPEATED",)),
            calls_per_day=_saved(findings, ("PULL_REPEATED", "CHECK_REPEATED")),
        ),
    )


def _saved(findings: Sequence[Finding], codes: Collection[str]) -> float | None:
    """Return what is left out when only the busiest script of each group still asks; None without any history."""
    groups: dict[str, list[float]] = defaultdict(list)
    for finding in findings:
        if finding.code in codes and finding.cost is not None:
            groups[finding.group].append(finding.cost.calls_per_day)
    return sum(sum(calls) - max(calls) for calls in groups.values()) if groups else None
