"""Crontabs, read line by line: entries, variables, and every line that is neither, with its number.

Source: crontab(5) and cron(8) of Debian; `CRON_TZ` and a leading `-` as in cronie and SUSE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.automation.adopt.cron_fields import NICKNAMES, REBOOT, BadField, read_fields

_ENTRY: Final = re.compile(r"(?P<silent>-?)(?P<when>@\S+|\S+(?:[ \t]+\S+){4})[ \t]+(?P<rest>\S.*)")
_NAME: Final = re.compile(r"""(?P<quote>["'])(?P<quoted>.+?)(?P=quote)|(?P<plain>[^\s="'*@#\d-][^\s="']*)""")
_SIX_FIELDS: Final = re.compile(r"[\d*?][\d*?/,L#W-]*[ \t]")


class CronEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line that starts a command.

    Attributes:
        when: five cron fields, or `@reboot`; other nicknames are written out.
        nickname: the `@word` as it stood, or empty.
        user: from the user column; None where there is none.
        command: for the shell, `\\%` resolved, without what follows the first bare `%`.
        stdin: what cron writes to the command's standard input; None: nothing.
        env: variables in force at this line, as cron sets them: nothing in them is expanded.
        silent: a leading `-`: the start is not logged.
    """

    file: str
    line: int
    when: str
    command: str
    nickname: str = ""
    user: str | None = None
    stdin: str | None = None
    env: dict[str, str] = {}
    silent: bool = False


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A line `NAME = value`."""

    line: int
    name: str
    value: str


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A line that cron would refuse or read in a way nobody means; `text` as it stands, `why` with what is allowed."""

    line: int
    text: str
    why: str


class Crontab(msgspec.Struct, frozen=True, kw_only=True):
    """One file, read. `remarks` (line, text) are about lines that were read but deserve a look."""

    file: str
    entries: tuple[CronEntry, ...] = ()
    variables: tuple[Variable, ...] = ()
    unread: tuple[Unread, ...] = ()
    remarks: tuple[tuple[int, str], ...] = ()


def read_crontab(text: str, *, file: str = "crontab", with_user: bool = False) -> Crontab:
    """Return what `text` says. No line is lost: it is blank, a comment, or in the result.

    Args:
        file: how the entries call their source.
        with_user: a user stands before each command, as in /etc/crontab and /etc/cron.d.
    """
    remarks: list[tuple[int, str]] = []
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] and text:
        remarks.append((len(lines), "the last line has no line end: Debian's cron refuses such a file"))
    entries: list[CronEntry] = []
    variables: dict[str, Variable] = {}
    every: list[Variable] = []
    unread: list[Unread] = []
    windows = 0
    for number, raw in enumerate(lines, start=1):
        windows = windows or (number if raw.endswith("\r") else 0)
        line = raw.removesuffix("\r").strip(" \t")
        if not line or line.startswith("#"):
            continue
        found = _read_line(line, number, file, with_user, {v.name: v.value for v in variables.values()})
        if isinstance(found, Variable):
            variables[found.name] = found
            every.append(found)
        elif isinstance(found, CronEntry):
            entries.append(found)
        else:
            unread.append(found)
    if windows:
        remarks.append((windows, "Windows line ends: cron hands a carriage return to each command; left out here"))
    return Crontab(
        file=file, entries=tuple(entries), variables=tuple(every), unread=tuple(unread), remarks=tuple(remarks)
    )


def _read_line(
    line: str, number: int, file: str, with_user: bool, env: Mapping[str, str]
) -> CronEntry | Variable | Unread:
    if any(ord(c) < 32 and c != "\t" for c in line):
        return Unread(line=number, text=line, why="holds control characters; allowed: text and tabs")
    name = _NAME.match(line)
    if name and line[name.end() :].lstrip(" \t").startswith("="):
        return _variable(line, number, name)
    match = _ENTRY.fullmatch(line)
    if match is None:
        return Unread(
            line=number, text=line, why="neither NAME = value nor five time fields (or @daily ...) and a command"
        )
    try:
        when = _when(match["when"])
    except BadField as exc:
        return Unread(line=number, text=line, why=str(exc))
    user, rest = (None, match["rest"]) if not with_user else _user(match["rest"])
    if not rest:
        return Unread(line=number, text=line, why="a user and a command must follow the time; found one word")
    if _SIX_FIELDS.match(rest) and not rest[0].isalpha() and not match["when"].startswith("@"):
        return Unread(line=number, text=line, why="six time fields? cron has five (no seconds, no year); take one out")
    command, stdin = _percent(rest)
    return CronEntry(
        file=file,
        line=number,
        when=when,
        nickname=match["when"].lower() if match["when"].startswith("@") else "",
        user=user,
        command=command,
        stdin=stdin,
        env=dict(env),
        silent=bool(match["silent"]),
    )


def _variable(line: str, number: int, match: re.Match[str]) -> Variable | Unread:
    """Read `NAME = value`. Quotes keep blanks at the ends; nothing is expanded, and # is no comment."""
    value = line[match.end() :].lstrip(" \t")[1:].strip(" \t")
    name = match["quoted"] or match["plain"]
    if not value:
        return Unread(line=number, text=line, why=f'{name} is empty; cron wants quotes: {name}=""')
    if value[0] in "\"'":
        if len(value) < 2 or value.find(value[0], 1) != len(value) - 1:
            return Unread(line=number, text=line, why="the quotes of the value do not match, or text follows them")
        value = value[1:-1]
    return Variable(line=number, name=name, value=value)


def _when(text: str) -> str:
    word = text.lower()
    if word == REBOOT:
        return REBOOT
    if word in NICKNAMES:
        return NICKNAMES[word]
    if word.startswith("@"):
        raise BadField(f"found {text}, allowed: {REBOOT}, {', '.join(NICKNAMES)}")
    return read_fields(text).text


def _user(rest: str) -> tuple[str | None, str]:
    user, *command = re.split(r"[ \t]+", rest, maxsplit=1)
    return user, "".join(command)


def _percent(text: str) -> tuple[str, str | None]:
    """Part a command at its first bare `%`; further ones are line ends of its input; `\\%` is a percent sign."""
    parts = [""]
    escaped = False
    for c in text:
        if c == "%" and escaped:
            parts[-1] = parts[-1][:-1] + c
        elif c == "%":
            parts.append("")
        else:
            parts[-1] += c
        escaped = c == "\\" and not escaped
    if len(parts) == 1:
        return parts[0], None
    rest = "\n".join(parts[1:])
    return parts[0].rstrip(" \t"), rest if rest.endswith("\n") else rest + "\n"


def print_entry(entry: CronEntry) -> str:
    """Return `entry` as one line of a crontab; its variables are lines of their own."""
    head = [("-" if entry.silent else "") + entry.when, *([entry.user] if entry.user else [])]
    line = " ".join([*head, entry.command.replace("%", "\\%")])
    if entry.stdin is None:
        return line
    return line + "%" + entry.stdin.removesuffix("\n").replace("%", "\\%").replace("\n", "%")
