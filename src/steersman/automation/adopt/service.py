"""What a systemd service starts, as one command line for a shell or without one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.adopt.secrets import Secret, is_secret
from steersman.automation.adopt.shell_text import quote
from steersman.automation.adopt.units import Setting, Unit

SYSTEMD_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")
_SPANS: Final = {
    "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86_400.0, "day": 86_400.0, "days": 86_400.0, "w": 604_800.0, "week": 604_800.0,
    "weeks": 604_800.0,
}  # fmt: skip
_NOT_CARRIED: Final = re.compile(
    r"(Memory|CPU|IO(?!Scheduling)|Tasks|Limit|Protect|Private|Restrict|NoNewPrivileges|ReadWritePaths|ReadOnlyPaths|Capability"
    r"|AmbientCapabilities|SystemCall|DynamicUser|StateDirectory|RuntimeDirectory|Slice|SupplementaryGroups|Group|UMask"
    r"|LoadCredential|SetCredential|StandardInput|KillSignal|KillMode|TimeoutStopSec|BindPaths|Delegate)"
)


class ServiceCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What a service does.

    Attributes:
        text: one shell command, without secrets.
        simple: no shell is needed for it.
        env: variables it sets, without secrets.
        folder: where it starts; empty: systemd's own choice.
    """

    text: str
    simple: bool
    env: dict[str, str]
    folder: str
    secrets: tuple[Secret, ...] = ()
    notes: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


def read_service(unit: Unit, *, home: Path, user: str) -> ServiceCommand:
    """Return the command of `unit`: ExecCondition, ExecStartPre, ExecStart and ExecStartPost one after the other."""
    env, secrets = _environment(unit, home)
    notes: list[str] = []
    specifiers = _specifiers(unit, home, user)
    steps = [
        _step(setting, specifiers, env, notes)
        for key in ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost")
        for setting in unit.all("Service", key)
    ]
    files = [_expand(s.value, specifiers, notes) for s in unit.all("Service", "EnvironmentFile")]
    simple = len(steps) == 1 and not files and steps[0][1]
    text = " && ".join(step for step, _ in steps)
    if files:
        # The values stay in the file: it is read at each start, and nothing of it is copied here.
        text = "; ".join([_sourced(file) for file in files]) + f"; {text}"
        notes.append("variables are read from the file at each start, by a shell: its lines must be NAME=value")
    skipped = sorted({s.key for s in unit.settings if s.section == "Service" and _NOT_CARRIED.match(s.key)})
    if skipped:
        notes.append(f"not carried over: {', '.join(skipped)}")
    if unit.all("Unit", "OnFailure"):
        notes.append(f"OnFailure={unit.last('Unit', 'OnFailure')} is not carried over: use on = [...] or the inbox")
    folder = _expand(unit.last("Service", "WorkingDirectory").lstrip("-"), specifiers, notes)
    return ServiceCommand(
        text=_prefix(unit) + text if simple else text,
        simple=simple,
        env=env,
        folder=str(home) if folder == "~" else folder,
        secrets=tuple(secrets),
        notes=tuple(notes),
        holds=tuple(f"export {s.variable} for the desk first: a secret in {s.file}:{s.line}" for s in secrets),
    )


def systemd_seconds(text: str) -> float | None:
    """Return the seconds of a systemd span (`90`, `5min 20s`), None for `infinity` and what is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.lower())
    if not parts or any(unit not in _SPANS for _, unit in parts):
        return None
    return sum(float(number) * _SPANS[unit] for number, unit in parts)


def _environment(unit: Unit, home: Path) -> tuple[dict[str, str], list[Secret]]:
    env: dict[str, str] = {}
    secrets: list[Secret] = []
    for setting in unit.all("Service", "Environment"):
        for word in _words(setting.value):
            name, equals, value = word.partition("=")
            if equals and is_secret(name, value):
                secrets.append(Secret(file=setting.file, line=setting.line, variable=name, what=f"the value of {name}"))
            elif equals:
                env[name] = value.replace("%h", str(home)).replace("%%", "%")
    return env, secrets


def _step(
    setting: Setting, specifiers: Mapping[str, str], env: Mapping[str, str], notes: list[str]
) -> tuple[str, bool]:
    """Return one Exec line as shell text, and whether it needs no shell."""
    value = setting.value.lstrip("@:+!|")
    lenient = value.startswith("-")
    words = _words(_expand(value.lstrip("-@:+!|"), specifiers, notes))
    if set(setting.value[: len(setting.value) - len(value)]) & {"+", "!"}:
        notes.append(f"{setting.key} ran with full privileges; here it does not")
    shell_words, simple = [], not lenient
    for word in words:
        known = _VARIABLE.sub(lambda m: env.get(m[1], m[0]), word)
        if _VARIABLE.search(known):
            # Left to the shell: the value is in a file, or a secret.
            shell_words.append('"' + re.sub(r'(["\\`])', r"\\\1", known) + '"')
            simple = False
        else:
            shell_words.append(quote(known))
    text = " ".join(shell_words)
    return (f"{{ {text} || true; }}" if lenient else text), simple


def _sourced(file: str) -> str:
    optional, path = file.startswith("-"), quote(file.lstrip("-"))
    read = f"set -a; . {path}; set +a"
    return f"if [ -r {path} ]; then {read}; fi" if optional else read


def _prefix(unit: Unit) -> str:
    """Return the wrappers that keep what the unit says about priority."""
    nice, io = unit.last("Service", "Nice"), unit.last("Service", "IOSchedulingClass")
    classes = {"idle": "3", "best-effort": "2", "realtime": "1"}
    words = [f"nice -n {int(nice)} "] if re.fullmatch(r"[+-]?\d+", nice) else []
    words += [f"ionice -c {classes.get(io, io)} "] if io in (*classes, "1", "2", "3") else []
    return "".join(words)


def _specifiers(unit: Unit, home: Path, user: str) -> dict[str, str]:
    stem, _, rest = unit.name.partition("@")
    return {
        "h": str(home),
        "u": user,
        "n": unit.name,
        "N": unit.name.rpartition(".")[0],
        "p": stem.rpartition(".")[0] or stem,
        "i": rest.rpartition(".")[0],
        "t": "/run",
        "S": "/var/lib",
        "T": "/tmp",  # noqa: S108 - systemd.unit(5) says so
        "%": "%",
    }


def _expand(text: str, specifiers: Mapping[str, str], notes: list[str]) -> str:
    def one(match: re.Match[str]) -> str:
        letter = match[1]
        if letter not in specifiers:
            notes.append(f"%{letter} is known to systemd only: replace it")
            return match[0]
        return specifiers[letter]

    return re.sub(r"%(.)", one, text)


def _words(text: str) -> list[str]:
    """Part a line as systemd does: blanks, quotes; a line whose quotes do not match is parted at blanks."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
