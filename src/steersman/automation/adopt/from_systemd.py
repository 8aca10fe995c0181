"""systemd timers with their services as candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.adopt.calendar import CannotSay, CronTime, merge, to_cron
from steersman.automation.adopt.candidate import Candidate, Problem, Reading, mark_of
from steersman.automation.adopt.commands import read_command
from steersman.automation.adopt.from_crontab import DESK_STARTED
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.manifest_text import span
from steersman.automation.adopt.removal import Removal
from steersman.automation.adopt.secrets import Secret, hide
from steersman.automation.adopt.service import SYSTEMD_PATH, ServiceCommand, read_service, systemd_seconds
from steersman.automation.adopt.started import Started, start
from steersman.automation.adopt.units import SERVICE_FOLDERS, Unit, load_unit
from steersman.automation.model.manifest import Backoff
from steersman.automation.model.schedule import BETWEEN, check_every, every, shortest_gap_s
from steersman.automation.start_checks import LONGEST_JITTER_S, REFERENCE_NS

_MONOTONIC: Final = ("OnUnitActiveSec", "OnUnitInactiveSec")
_AT_START: Final = ("OnBootSec", "OnStartupSec", "OnActiveSec")
_DEFAULT_BURST: Final = 5


def default_folders(machine: Machine) -> list[Path]:
    """Return where people put units of their own."""
    return [f for f in (machine.home / ".config/systemd/user", Path("/etc/systemd/system")) if f.is_dir()]


class _When(msgspec.Struct, frozen=True, kw_only=True):
    """One start of a timer: a schedule, the start of the desk, or why neither can say it."""

    text: str
    cron: CronTime | None = None
    at_start: bool = False
    left: str = ""


def read_timers(folders: Sequence[Path], machine: Machine) -> Reading:
    """Return candidates for each timer in `folders`; one per time zone of its times.

    A service that no timer starts runs for ever, or by hand: it is named, and left where it is.
    """
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    secrets: list[Secret] = []
    started: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            problems.append(Problem(where=str(folder), why="there is no such folder"))
            continue
        for file in sorted(folder.glob("*.timer")):
            found = _Timer(file, folder, list(folders), machine).read()
            started |= {found.service} if found.service else set()
            candidates += found.candidates
            problems += found.problems
            secrets += found.secrets
    for folder in folders:
        for file in sorted(folder.glob("*.service")) if folder.is_dir() else ():
            if file.name not in started and not file.is_symlink():
                problems.append(Problem(where=file.name, why="no timer starts it: it stays with systemd"))
    return Reading(candidates=tuple(candidates), problems=tuple(problems), secrets=tuple(dict.fromkeys(secrets)))


class _Timer:
    """Reads one timer and the service it starts."""

    def __init__(self, file: Path, folder: Path, folders: list[Path], machine: Machine) -> None:
        self._file = file
        self._user_scope = "user" in folder.parts
        self._folders = [folder, *folders, *map(Path, SERVICE_FOLDERS)]
        self._machine = machine
        self.service = ""
        self.candidates: list[Candidate] = []
        self.problems: list[Problem] = []
        self.secrets: list[Secret] = []

    def read(self) -> _Timer:
        timer = load_unit(self._file.name, self._folders)
        if timer is None or "@." in self._file.name:
            why = "is masked" if timer is None else "is a template: adopt the units made from it"
            self.problems.append(Problem(where=self._file.name, why=why))
            return self
        self.service = timer.last("Timer", "Unit") or f"{self._file.stem}.service"
        service = load_unit(self.service, self._folders)
        if service is None or not service.all("Service", "ExecStart"):
            self.problems.append(Problem(where=self._file.name, why=f"starts {self.service}, which has no ExecStart"))
            return self
        whens = _whens(timer)
        if not whens:
            self.problems.append(Problem(where=self._file.name, why="says no time (OnCalendar=, OnUnitActiveSec=)"))
        for when in whens:
            self.candidates.append(self._candidate(timer, service, when))
        return self

    def _candidate(self, timer: Unit, service: Unit, when: _When) -> Candidate:
        machine, where = self._machine, f"{service.file.name}:{service.line('Service', 'ExecStart')}"
        user = service.last("Service", "User") or (machine.user if self._user_scope else "root")
        home = machine.home_of(user) or machine.home
        command, text, found = self._command(service, home, user, where)
        started = self._started(command, text, found, service, where)
        holds = list(command.holds) + [f"export {v} for the desk first: a secret at {where}" for v in found]
        if user != machine.user:
            holds.append(f"runs as {user} today; Steersman runs as {machine.user}")
        retries, backoff, backoff_s, retry_note = _retries(service)
        notes = [*command.notes, *started.notes, *_timer_notes(timer, when), *([retry_note] if retry_note else [])]
        cron = when.cron
        return Candidate(
            kind="systemd",
            where=f"{self._file.name}:{timer.line('Timer', when.text.partition('=')[0])}",
            mark=mark_of("systemd", self._file.name, when.text, text),
            original=text,
            when=when.text,
            label=self._file.stem,
            run=started.run,
            cwd=started.cwd,
            jitter_s=_jitter_s(timer, when),
            schedule=cron.schedule if cron else None,
            tz=(cron.tz or machine.zone or None) if cron else None,
            on=(DESK_STARTED,) if when.at_start else (),
            env=started.env,
            timeout_s=_timeout(service),
            retries=retries,
            backoff=backoff,
            backoff_s=backoff_s,
            overlap="skip",
            catchup=("latest" if _true(timer.last("Timer", "Persistent")) else "none") if cron else None,
            notes=tuple(notes),
            holds=tuple(holds),
            left=when.left or started.missing,
            removal=Removal(place="timer", target=f"{'--user ' if self._user_scope else ''}{self._file.name}"),
            script=started.script,
            touches=started.touches,
        )

    def _command(self, service: Unit, home: Path, user: str, where: str) -> tuple[ServiceCommand, str, list[str]]:
        command = read_service(service, home=home, user=user)
        prefix = self._file.stem.upper().replace("-", "_").replace(".", "_")
        text, hidden = hide(command.text, prefix=prefix)
        found = [variable for variable, _ in hidden]
        file, _, line = where.rpartition(":")
        self.secrets += [*command.secrets, *(Secret(file=file, line=int(line), variable=v, what=w) for v, w in hidden)]
        return command, text, found

    def _started(self, command: ServiceCommand, text: str, found: list[str], service: Unit, where: str) -> Started:
        why = "a secret comes from a variable" if found else "" if command.simple else "systemd put it together"
        read = read_command(text, known=command.env, needs_shell=why)
        # systemd itself starts programs with / as their folder, a user's manager with the home folder.
        default = str(self._machine.home) if self._user_scope else "/"
        folder = Path(command.folder or default)
        read = msgspec.structs.replace(read, cwd=read.cwd or command.folder or None)
        return start(
            read,
            self._machine,
            where=where,
            home=folder,
            variables=command.env,
            path=command.env.get("PATH", SYSTEMD_PATH),
            own_path="PATH" in command.env,
        )


def _whens(timer: Unit) -> list[_When]:
    whens: list[_When] = []
    times: list[CronTime] = []
    texts: list[str] = []
    for setting in timer.all("Timer", "OnCalendar"):
        text = f"OnCalendar={setting.value}"
        try:
            times.append(to_cron(setting.value))
            texts.append(text)
        except CannotSay as exc:
            whens.append(_When(text=text, left=str(exc)))
    together = _in_lines(merge(times))
    whens += [
        _When(text=" ".join(texts) if len(together) == 1 else f"OnCalendar={cron.schedule}", cron=cron)
        for cron in together
    ]
    for key in _AT_START:
        whens += [_When(text=f"{key}={s.value}", at_start=True) for s in timer.all("Timer", key)]
    for key in _MONOTONIC:
        whens += [_every(key, s.value) for s in timer.all("Timer", key)]
    return whens


def _in_lines(times: Sequence[CronTime]) -> list[CronTime]:
    """Return times of one zone as the lines of one schedule."""
    by_zone: dict[str | None, list[CronTime]] = {}
    for time in times:
        by_zone.setdefault(time.tz, []).append(time)
    return [
        CronTime(
            schedule=BETWEEN.join(time.schedule for time in same),
            tz=tz,
            note="; ".join(dict.fromkeys(time.note for time in same if time.note)),
        )
        for tz, same in by_zone.items()
    ]


def _every(key: str, written: str) -> _When:
    """Say "every 15 minutes" with the clock, when the step divides the hour or the day."""
    text = f"{key}={written}"
    seconds = systemd_seconds(written)
    minutes = 0 if seconds is None or seconds % 60 else int(seconds // 60)
    if minutes and minutes < 60 and 60 % minutes == 0:
        return _When(text=text, cron=CronTime(schedule=f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"))
    if minutes and minutes % 60 == 0 and minutes <= 1440 and 1440 % minutes == 0:
        hours = minutes // 60
        schedule = "0 0 * * *" if hours == 24 else f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
        return _When(text=text, cron=CronTime(schedule=schedule))
    if seconds is not None and not check_every(shown := span(seconds)):
        return _When(text=text, cron=CronTime(schedule=every(shown)))
    return _When(text=text, left=f"every {written}: allowed is 10 s to 24 h, or whole days")


def _timer_notes(timer: Unit, when: _When) -> list[str]:
    notes = [when.cron.note] if when.cron and when.cron.note else []
    if when.text.startswith(_MONOTONIC) and when.cron:
        notes.append("systemd counts from the last run; here the clock does")
    if when.at_start:
        notes.append("starts whenever the desk starts, without the delay")
    delay = timer.last("Timer", "RandomizedDelaySec")
    if delay and delay != "0":
        notes.append(
            f"RandomizedDelaySec={delay} is jitter: always the same for a name"
            if _jitter_s(timer, when)
            else f"RandomizedDelaySec={delay} is left out: jitter is 1h at most, and ends before the next start"
        )
    if _true(timer.last("Timer", "WakeSystem")):
        notes.append("WakeSystem: Steersman does not wake a sleeping machine")
    return notes


def _jitter_s(timer: Unit, when: _When) -> float:
    """Return RandomizedDelaySec, 0 if there is none or `jitter` cannot say it."""
    delay = systemd_seconds(timer.last("Timer", "RandomizedDelaySec") or "0") or 0.0
    if when.cron is None or not 0 < delay <= LONGEST_JITTER_S:
        return 0.0
    return delay if delay < shortest_gap_s(when.cron.schedule, when.cron.tz or "UTC", REFERENCE_NS) else 0.0


def _timeout(service: Unit) -> float | None:
    """Return how long it may run: RuntimeMaxSec, or TimeoutStartSec of a oneshot, which is all it does."""
    limit = service.last("Service", "RuntimeMaxSec")
    if not limit and service.last("Service", "Type", "simple") == "oneshot":
        limit = service.last("Service", "TimeoutStartSec") or service.last("Service", "TimeoutSec")
    seconds = systemd_seconds(limit) if limit else None
    return min(seconds, 7 * 86_400.0) if seconds else None


def _retries(service: Unit) -> tuple[int, Backoff | None, float | None, str]:
    restart = service.last("Service", "Restart", "no")
    if restart == "no":
        return 0, None, None, ""
    burst = service.last("Unit", "StartLimitBurst") or service.last("Service", "StartLimitBurst")
    retries = min(20, max(0, (int(burst) if burst.isdigit() else _DEFAULT_BURST) - 1))
    pause = systemd_seconds(service.last("Service", "RestartSec", "100ms")) or 0.1
    note = f"Restart={restart} is retries = {retries}, as often as systemd's start limit lets it"
    if restart == "always":
        note += "; after a success it is not started again"
    return retries, "fixed", pause, note


def _true(text: str) -> bool:
    return text.lower() in ("1", "yes", "true", "on")
