"""Crontab entries as candidates."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steersman.automation.adopt.calendar import is_zone
from steersman.automation.adopt.candidate import Candidate, Problem, Reading, mark_of
from steersman.automation.adopt.commands import Command, locks_of, read_command
from steersman.automation.adopt.cron_fields import REBOOT
from steersman.automation.adopt.crontab import CronEntry, Crontab
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.naming import name_from
from steersman.automation.adopt.programs import CRON_PATH, label_of_text
from steersman.automation.adopt.removal import Removal, guard_of
from steersman.automation.adopt.secrets import Secret, hide, is_secret
from steersman.automation.adopt.shell_text import parse, quote
from steersman.automation.adopt.started import Started, start
from steersman.automation.adopt.wrappers import programs_in
from steersman.automation.model.schedule import check_cron

DESK_STARTED: Final = "kernel.desk.started"
_READ_NO_SECRETS: Final = re.compile(
    r"test|cd|set|export|sleep|echo|printf|true|false|date|hostname|find|rm|cp|mv|ln|mkdir|touch|chmod|chown|cat|head"
    r"|tail|grep|sed|awk|sort|uniq|wc|cut|tee|gzip|gunzip|xz|zstd|tar|du|df|mail|logger|curl|wget|ls|stat|exit|source|\."
)
_INTERPRETER: Final = re.compile(r"python[\d.]*|(ba|da)?sh")
_DETACHES: Final = re.compile(r"\b(screen\s+-\w*[dD]\w*m\w*|tmux\s+new\S*\s.*-d|daemonize|systemd-run|at\s+now)\b")
_SYSTEM_PROGRAM: Final = re.compile(r"/(usr/)?s?bin/")
_IGNORED: Final = {
    "RANDOM_DELAY": "starts are not delayed at random here",
    "START_HOURS_RANGE": "use window = ... on the automation",
}


def read_entries(crontabs: Sequence[Crontab], machine: Machine, *, in_place: bool = False, tz: str = "") -> Reading:
    """Return candidates for the entries of `crontabs`, in their order.

    Args:
        in_place: the files themselves are what cron reads (/etc/crontab); otherwise a user's `crontab -l` is.
        tz: zone of the machine the crontabs are from; empty: this machine's.
    """
    shared = _shared_locks(crontabs)
    candidates: dict[str, Candidate] = {}
    problems: list[Problem] = []
    secrets: list[Secret] = []
    for crontab in crontabs:
        problems += [Problem(where=f"{crontab.file}:{n}", why=why) for n, why in crontab.remarks]
        problems += [
            Problem(where=f"{crontab.file}:{u.line}", why=f"{u.why}: {_shown(u.text)}") for u in crontab.unread
        ]
        named = [v for v in crontab.variables if is_secret(v.name, v.value)]
        secrets += [
            Secret(file=crontab.file, line=v.line, variable=v.name, what=f"the value of {v.name}") for v in named
        ]
        problems += [
            Problem(where=f"{crontab.file}:{v.line}", why=f"{v.name}: {_IGNORED[v.name]}")
            for v in crontab.variables
            if v.name in _IGNORED
        ]
        for entry in crontab.entries:
            reader = _EntryReader(
                entry, machine, frozenset(v.name for v in named), shared, _shorthands(crontab), in_place, tz
            )
            candidate = reader.read()
            secrets += reader.secrets
            first = candidates.setdefault(candidate.mark, candidate)
            if first is not candidate:
                problems.append(Problem(where=candidate.where, why=f"the same as {first.where}; proposed once"))
    general = [f"cron mails output to {to}; here: steersman auto logs NAME" for to in _recipients(crontabs)]
    if candidates:
        general.append("cron starts a job beside one that still runs; here that start is skipped, unless overlap says")
    return Reading(
        candidates=tuple(candidates.values()), problems=tuple(problems), secrets=tuple(secrets), general=tuple(general)
    )


def _shared_locks(crontabs: Sequence[Crontab]) -> frozenset[str]:
    counts = Counter(lock for c in crontabs for e in c.entries for lock in set(locks_of(e.command)))
    return frozenset(lock for lock, count in counts.items() if count > 1)


def _shorthands(crontab: Crontab) -> frozenset[str]:
    """Return the variables that command lines of the crontab spell out, e.g. `$SCRIPTS/pull.py`."""
    text = " ".join(entry.command for entry in crontab.entries)
    return frozenset(v.name for v in crontab.variables if re.search(rf"\$\{{?{re.escape(v.name)}\b", text))


def _recipients(crontabs: Sequence[Crontab]) -> list[str]:
    return sorted({v.value for c in crontabs for v in c.variables if v.name == "MAILTO" and v.value})


def _shown(text: str) -> str:
    """Return a line that could not be read, without secrets and control characters, cut to what fits a message."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in hide(text, prefix="X")[0])
    return text if len(text) <= 60 else text[:59] + "…"


class _EntryReader:
    """Turns one entry into a candidate, and keeps the secrets it finds on the way."""

    def __init__(
        self,
        entry: CronEntry,
        machine: Machine,
        secret_names: frozenset[str],
        shared_locks: frozenset[str],
        shorthands: frozenset[str],
        in_place: bool,
        tz: str,
    ) -> None:
        self._entry = entry
        self._machine = machine
        self._secret_names = secret_names & entry.env.keys()
        self._shared = shared_locks
        self._shorthands = shorthands
        self._in_place = in_place
        self._zone = tz
        self._where = f"{entry.file}:{entry.line}"
        self._home = machine.home_of(entry.user or machine.user) or machine.home
        self.secrets: list[Secret] = []

    def read(self) -> Candidate:
        entry = self._entry
        text, found = self._hidden()
        known = {k: v for k, v in entry.env.items() if k not in self._secret_names}
        home = self._home if "HOME" not in known else self._home / known["HOME"]
        command = read_command(
            text,
            shell=known.get("SHELL", "/bin/sh"),
            known={"HOME": str(home), "LOGNAME": entry.user or self._machine.user, **known},
            shared_locks=self._shared,
            needs_shell="a secret comes from a variable" if found else "",
        )
        started = start(
            command,
            self._machine,
            where=self._where,
            home=home,
            variables=known,
            path=known.get("PATH", CRON_PATH),
            own_path="PATH" in known,
        )
        tz, tz_note = self._tz()
        notes = [*command.notes, *started.notes, *self._more_notes(command, tz_note)]
        reboot = entry.when == REBOOT
        return Candidate(
            kind="crontab",
            where=self._where,
            mark=mark_of("crontab", entry.user or "", entry.when, text),
            original=text,
            when=entry.nickname or entry.when,
            label=started.label if entry.stdin is None else label_of_text(entry.command),
            run=started.run,
            cwd=started.cwd,
            schedule=None if reboot else entry.when,
            tz=None if reboot else tz,
            on=(DESK_STARTED,) if reboot else (),
            env=self._without_shorthands(started),
            timeout_s=command.timeout_s,
            overlap=command.overlap,
            catchup=None if reboot else "none",
            notes=tuple(notes),
            holds=tuple(self._holds(found, started)),
            left=started.missing or self._impossible(),
            removal=Removal(
                place="file" if self._in_place else "crontab",
                target=entry.file if self._in_place else "",
                line=entry.line,
                guard=guard_of(text, entry.command),
            ),
            script=started.script,
            touches=started.touches,
        )

    def _hidden(self) -> tuple[str, list[str]]:
        """Return the command, fed with its input if it has one, without secrets; and the variables they moved to."""
        entry = self._entry
        label = re.search(r"([\w-]+)(?:\.\w+)?(?=\s|$)", entry.command)
        prefix = name_from(label[1] if label else "").upper().replace("-", "_")
        text, found = hide(entry.command, prefix=prefix)
        if entry.stdin is not None:
            fed, more = hide(" ".join(_spoken(x) for x in entry.stdin.removesuffix("\n").split("\n")), prefix=prefix)
            found += more
            text = f'printf "%s\\n" {fed} | {_grouped(text)}'
        self.secrets = [Secret(file=entry.file, line=entry.line, variable=v, what=what) for v, what in found]
        return text, [variable for variable, _ in found]

    def _tz(self) -> tuple[str | None, str]:
        named = self._entry.env.get("CRON_TZ")
        machine = self._zone or self._machine.zone
        if named is None:
            return machine or None, "" if machine else "the machine's time zone is not known: check tz"
        if not is_zone(named):
            return machine or None, f"CRON_TZ={named} is no time zone; taken: {machine or 'the desk'}"
        return named, "Debian's cron ignores CRON_TZ; cronie does not: check the times"

    def _more_notes(self, command: Command, tz_note: str) -> list[str]:
        notes = [tz_note] if tz_note else []
        if command.why_shell:
            notes.append(f"kept with the shell: {command.why_shell}")
        if self._entry.stdin is not None:
            notes.append("cron's input (after %) is printed into the command")
        if self._entry.when == REBOOT:
            notes.append("@reboot: starts whenever the desk starts, not only when the machine does")
        if _DETACHES.search(self._entry.command):
            notes.append("what it starts goes its own way: Steersman sees it end at once, and cannot stop it")
        if re.search(r"\|\|\s*(true|:)\s*$", command.text):
            notes.append("|| true makes every run a success; without it failures would show")
        return notes

    def _holds(self, found: Sequence[str], started: Started) -> list[str]:
        entry = self._entry
        holds = [f"export {v} for the desk first: a secret at {self._where}" for v in dict.fromkeys(found)]
        holds += [
            f"export {name} for the desk first: a secret in {entry.file}"
            for name in sorted(self._secret_names)
            if self._may_use(name, started)
        ]
        if entry.user is not None and entry.user != self._machine.user:
            holds.append(f"runs as {entry.user} today; Steersman runs as {self._machine.user}")
        if entry.stdin is not None and _open_quote(entry.command):
            holds.append(
                "in cron a % ends the command, here within a quote, so it fails today: write \\% in the crontab"
            )
        return holds

    def _may_use(self, name: str, started: Started) -> bool:
        """Say whether the entry may use a secret: its words, a script that says it or cannot be read, a program."""
        if re.search(rf"\b{re.escape(name)}\b", self._entry.command):
            return True
        if any(self._says(script, name) for script in started.scripts):
            return True
        scripts = {script.name for script in started.scripts}
        programs = [p for p in programs_in(self._entry.command, self._entry.env) if p not in scripts]
        interpreters = _INTERPRETER if scripts else _READ_NO_SECRETS
        return any(not (_READ_NO_SECRETS.fullmatch(p) or interpreters.fullmatch(p)) for p in programs)

    def _without_shorthands(self, started: Started) -> dict[str, str]:
        """Leave out variables that only shorten the command lines of this crontab, now that they are written out."""
        own_program = started.script is not None or _SYSTEM_PROGRAM.match(started.run)
        return {
            name: value
            for name, value in started.env.items()
            if name not in self._shorthands
            or not own_program
            or f"${name}" in started.run
            or f"${{{name}}}" in started.run
            or (started.script is not None and self._says(started.script, name))
        }

    def _says(self, script: Path, name: str) -> bool:
        text = self._machine.text(script)
        return text is None or re.search(rf"\b{re.escape(name)}\b", text) is not None

    def _impossible(self) -> str:
        return "" if self._entry.when == REBOOT or not check_cron(self._entry.when) else "its date never comes"


def _spoken(line: str) -> str:
    """Return a line as a word in double quotes where that is plain: the whole command is put in single ones."""
    return quote(line) if re.search(r'[$`"\\!]', line) else f'"{line}"'


def _grouped(text: str) -> str:
    """Return shell text as one command that a pipe can feed."""
    nodes = parse(text).named_children
    single = len(nodes) == 1 and nodes[0].type in ("command", "subshell")
    return text if single else f"{{ {text.rstrip('; ')}; }}"


def _open_quote(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False
