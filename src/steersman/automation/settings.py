"""`[automation.NAME]` of steersman.toml: what may be written, and what is refused with its line."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from steersman.automation import calendars, checks, start_checks
from steersman.automation.model.across import Across
from steersman.automation.model.blackout import Calendar
from steersman.automation.model.manifest import (
    Automation,
    Backoff,
    Catchup,
    Cycle,
    Manifest,
    Outside,
    Overlap,
    Ring,
    UnknownNeed,
)
from steersman.automation.model.params import Value
from steersman.automation.start_checks import EventTypes
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.patterns import EventPattern
from steersman.services.commons.settings import SECTION as COMMONS_SECTION

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
OWN_COMMAND = "steersman"
SECTION = "automation"
ENGINE_SECTION = "engine"
RESOURCES_SECTION = "resources"
SECTIONS = (SECTION, ENGINE_SECTION, RESOURCES_SECTION, calendars.SECTION)


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[engine]`: what runs the automations; each kind adds fields of its own.

    Attributes:
        max_processes: processes of automations at once, in one process of the engine; further runs wait their turn.
    """

    kind: str = "embedded"
    max_processes: int = 8

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        """Return the settings, checked beyond their types; an adapter's settings check their own fields too.

        Raises:
            Misconfigured: names the line of the field in the table at `path`.
        """
        if not 1 <= self.max_processes <= 1000:
            raise file.error(
                (*path, "max_processes"),
                f"found {self.max_processes}, allowed: 1 to 1000",
                fix="write max_processes = 8",
            )
        return self


class AutomationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[automation.NAME]`; spans as `90s`, `5m`, `1h30m`. Meaning: `Automation` in model/manifest.py."""

    run: str
    cwd: str = ""
    schedule: str | tuple[str, ...] | None = None
    every: str | None = None
    tz: str | None = None
    jitter: str = "0s"
    needs: tuple[str, ...] = ()
    on: tuple[str | EventPattern, ...] = ()
    debounce: str = "0s"
    window: str | None = None
    outside: Outside = "skip"
    blackout: tuple[str, ...] = ()
    resources: dict[str, int] = {}
    timeout: str = "1h"
    deadline: str | None = None
    retries: int = 0
    backoff: Backoff = "exponential"
    backoff_start: str = "5s"
    overlap: Overlap = "skip"
    catchup: Catchup = "latest"
    approve: bool = False
    approve_within: str = "24h"
    params: dict[str, Value] = {}
    credentials: tuple[str, ...] = ()
    pulls: tuple[str, ...] = ()
    enabled: bool = True
    env: dict[str, str] = {}
    log_limit_kb: int = 1024
    artifact_limit_mb: int = 1024
    keep_runs: int = 50


def validate(
    file: TomlFile,
    automations: Mapping[str, AutomationSettings],
    root: Path,
    *,
    tz: str = "UTC",
    scripts: bool = True,
    types: Callable[[], EventTypes] | None = None,
    across: Callable[[], Across | None] | None = None,
) -> Manifest:
    """Return the manifest that `automations` declare.

    Args:
        file: where they stand; for the line numbers of refusals.
        root: the workspace, where scripts are looked for.
        tz: the desk's time zone, for automations that name none.
        scripts: whether what they run must be there; False leaves one that is gone to the run that wants it, instead of
            stopping all others.
        types: the types of events there are, for `on`; None: any may be named.
        across: gives who counts resources that are declared as `shared`; asked only if there are any.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    resources, over_machines = _resources(file)
    declared = calendars.read(file, root, file.section((calendars.SECTION,), dict[str, calendars.CalendarSettings]))
    checked = [
        _check(file, name, settings, root if scripts else None, tz, resources) for name, settings in automations.items()
    ]
    checked = [
        msgspec.structs.replace(one, on=start_checks.events(file, (SECTION, one.name), on, automations, types))
        for one, on in ((one, automations[one.name].on) for one in checked)
    ]
    used = _calendars(file, checked, declared)
    try:
        return Manifest(
            checked,
            resources=resources,
            calendars=used,
            over_machines=over_machines,
            across=across() if across is not None and over_machines else None,
        )
    except UnknownNeed as exc:
        near = difflib.get_close_matches(exc.need, automations, n=1)
        raise file.error(
            (SECTION, exc.automation, "needs"),
            f"needs {exc.need!r}, which is not declared; declared: {', '.join(automations)}",
            fix=f"did you mean {near[0]!r}?" if near else f"add [{SECTION}.{exc.need}] or take it out of needs",
        ) from exc
    except Cycle as exc:
        raise file.error(
            (SECTION, exc.path[0], "needs"),
            f"automations that wait for each other can never start: {' -> '.join(exc.path)}",
            fix="take one of these needs out",
        ) from exc
    except Ring as exc:
        raise file.error(
            (SECTION, exc.path[0], "on"),
            f"automations that start each other never end: {' <- '.join(exc.path)}",
            fix=f"take {exc.path[1]} out of `on` of {exc.path[0]}; `retries` tries the same one again",
        ) from exc


class ResourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource in full: `amount` tokens, counted over all machines if `shared`."""

    amount: int
    shared: bool = False


def _resources(file: TomlFile) -> tuple[dict[str, int], frozenset[str]]:
    """Return how many tokens of each resource there are, and which of them are counted over all machines.

    `cpu` is as many as the machine has, unless declared.
    """
    declared = file.section((RESOURCES_SECTION,), dict[str, int | ResourceSettings])
    found = {name: one if isinstance(one, int) else one.amount for name, one in declared.items()}
    shared = frozenset(name for name, one in declared.items() if not isinstance(one, int) and one.shared)
    for name, amount in found.items():
        if not 1 <= amount <= 10_000:
            raise file.error((RESOURCES_SECTION, name), f"found {amount}, allowed: 1 to 10000", fix=f"write {name} = 1")
    for name in sorted(shared):
        if name == "cpu":
            raise file.error(
                (RESOURCES_SECTION, name), "found shared = true: each machine has its own", fix="take shared out"
            )
        if file.get(COMMONS_SECTION) is None:
            raise file.error(
                (RESOURCES_SECTION, name),
                "found shared = true, and no [shared]: there is nothing to count it over machines through",
                fix='add [shared] with kind = "redis" or "postgres", or take shared out',
            )
    return {"cpu": os.cpu_count() or 1, **found}, shared


def _calendars(
    file: TomlFile, automations: Iterable[Automation], declared: Mapping[str, Calendar]
) -> dict[str, Calendar]:
    """Return the calendars that blackouts name."""
    found: dict[str, Calendar] = {}
    for automation in automations:
        for name in (b.calendar for b in automation.blackout if b.calendar):
            try:
                found[name] = found.get(name) or calendars.find(name, declared)
            except Misconfigured as exc:
                raise file.error((SECTION, automation.name, "blackout"), exc.message, fix=exc.fix) from exc
    return found


def _check(
    file: TomlFile, name: str, settings: AutomationSettings, root: Path | None, tz: str, resources: Mapping[str, int]
) -> Automation:
    """Return one automation, checked on its own."""
    here = (SECTION, name)
    if not _NAME.fullmatch(name):
        raise file.error(
            here, "a name is a small letter, then small letters, digits, - or _ (40 at most)", fix="rename it"
        )
    zone = start_checks.zone(file, here, settings.tz, tz)
    schedule = start_checks.schedule(file, here, settings)
    _check_command(file, here, settings.run, root)
    checks.folder(file, here, settings.cwd, root)
    _check_env(file, here, settings.env)
    for field, number, low, high in (
        ("retries", settings.retries, 0, 20),
        ("log_limit_kb", settings.log_limit_kb, 1, 1_048_576),
        ("artifact_limit_mb", settings.artifact_limit_mb, 1, 1_048_576),
        ("keep_runs", settings.keep_runs, 1, 100_000),
    ):
        if not low <= number <= high:
            raise file.error((*here, field), f"found {number}, allowed: {low} to {high}", fix=f"change {field}")
    checks.names(file, here, "credentials", "provider", settings.credentials)
    checks.names(file, here, "pulls", "pull", settings.pulls)
    checks.tokens(file, here, settings.resources, resources)
    checks.params(file, here, settings.params)
    return Automation(
        name=name,
        run=settings.run,
        cwd=settings.cwd,
        schedule=schedule,
        tz=zone,
        jitter_s=start_checks.jitter_s(file, here, settings.jitter, schedule, zone),
        needs=settings.needs,
        debounce_s=start_checks.debounce_s(file, here, settings.debounce, bool(settings.on)),
        window=checks.window(file, here, settings.window, schedule if settings.outside == "skip" else None, zone),
        outside=settings.outside,
        blackout=checks.blackouts(file, here, settings.blackout),
        resources=settings.resources,
        catchup=settings.catchup,
        approve=settings.approve,
        approve_within_s=_span(file, (*here, "approve_within"), settings.approve_within),
        params=settings.params,
        credentials=settings.credentials,
        pulls=settings.pulls,
        timeout_s=_span(file, (*here, "timeout"), settings.timeout),
        deadline_s=_deadline_s(file, here, settings),
        retries=settings.retries,
        backoff=settings.backoff,
        backoff_s=_span(file, (*here, "backoff_start"), settings.backoff_start),
        overlap=settings.overlap,
        enabled=settings.enabled,
        env=settings.env,
        log_limit_bytes=settings.log_limit_kb * 1024,
        artifact_limit_bytes=settings.artifact_limit_mb << 20,
        keep_runs=settings.keep_runs,
    )


def _deadline_s(file: TomlFile, here: tuple[str, ...], settings: AutomationSettings) -> float | None:
    if settings.deadline is None:
        return None
    # By what it says in the file: whoever lands in both (a schedule by `every`, a list of them) has one.
    if not any(file.get(*here, field) for field in ("schedule", "every", "needs")):
        raise file.error(
            (*here, "deadline"),
            "has neither a schedule nor needs: a start that no clock asks for cannot be late",
            fix="add a schedule, or take the deadline out",
        )
    return _span(file, (*here, "deadline"), settings.deadline)


def _check_command(file: TomlFile, here: tuple[str, ...], run: str, root: Path | None) -> None:
    try:
        words = shlex.split(run)
    except ValueError as exc:
        raise file.error((*here, "run"), f"not a command line ({exc}); found {run!r}", fix="close the quote") from exc
    if not words:
        raise file.error((*here, "run"), "is empty", fix="name a script or a command")
    if root is None:
        return
    program = words[0]
    if program == OWN_COMMAND:
        return
    if "/" in program or program.endswith((".py", ".sh")):
        if not (root / program).is_file():
            raise _missing_script(file, here, program, root)
    elif shutil.which(program) is None:
        raise file.error((*here, "run"), f"no command {program!r} on this machine", fix=f"install {program} or rename")


def _missing_script(file: TomlFile, here: tuple[str, ...], program: str, root: Path) -> Misconfigured:
    folder = (root / program).parent
    near = difflib.get_close_matches(
        Path(program).name, [p.name for p in folder.iterdir()] if folder.is_dir() else [], n=1
    )
    return file.error(
        (*here, "run"),
        f"there is no file {program} in the workspace",
        fix=f"did you mean {(Path(program).parent / near[0]).as_posix()}?" if near else f"create {program}",
    )


def _check_env(file: TomlFile, here: tuple[str, ...], env: Mapping[str, str]) -> None:
    for key, value in env.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) or key.startswith("STEERSMAN_") or "\0" in value:
            raise file.error(
                (*here, "env"), f"{key!r} cannot be set", fix="use letters, digits and _; STEERSMAN_* are set for you"
            )


def _span(file: TomlFile, path: tuple[str, ...], text: str) -> float:
    try:
        value = seconds(text)
    except ValueError as exc:
        raise file.error(path, str(exc), fix="write e.g. 90s, 5m or 1h30m") from exc
    if not 0 < value <= 7 * 86_400:
        raise file.error(path, f"found {text}, allowed: more than 0, up to 7d", fix=f"change {path[-1]}")
    return value
