"""Programs that start other programs (`flock -n X`, `timeout 5m`, `nice`): which of them the manifest says itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from steersman.automation.adopt.shell_text import literal, parse
from steersman.automation.model.manifest import Overlap

Words = tuple[str, ...]
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh")
LONGEST_S: Final = 7 * 86_400.0


class Stripped(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a command line without its wrappers, and what they said.

    Attributes:
        words: the command itself.
        prefix: wrappers that stay (`nice -n 10`), because the manifest has no word for them.
        script: shell text to read in place of `words`, from `sh -c TEXT` or `flock X -c TEXT`; None if there is none.
        lock: the lock file of a `flock` that was taken out; `overlap` says what it did.
    """

    words: Words
    prefix: Words = ()
    script: str | None = None
    interpreter: str | None = None
    env: dict[str, str] = {}
    timeout_s: float | None = None
    overlap: Overlap | None = None
    lock: str | None = None
    notes: tuple[str, ...] = ()


def strip(words: Words, *, shared_locks: frozenset[str] = frozenset()) -> Stripped:
    """Take the wrappers off `words`, outermost first, until something else stands in front.

    Args:
        shared_locks: lock files that several entries take: those wrappers stay, they keep different scripts apart.
    """
    state = Stripped(words=words)
    while state.words and state.script is None:
        name = state.words[0].rpartition("/")[2]
        step = _STEPS.get(name)
        if name == "flock":
            after = _flock(state, shared_locks)
        elif step is not None:
            after = step(state)
        else:
            break
        if after is None:
            break
        state = after
    return state


def _moved(state: Stripped, rest: Words, note: str = "", **changes: object) -> Stripped:
    notes = (*state.notes, note) if note else state.notes
    return msgspec.structs.replace(state, words=rest, notes=notes, **changes)


def _options(words: Words, with_value: str, long_with_value: Words = ()) -> tuple[list[tuple[str, str]], Words]:
    """Part the options behind a program's name from what follows them; values are attached or the next word."""
    found: list[tuple[str, str]] = []
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in long_with_value and not equals and at < len(words):
                value = words[at]
                at += 1
            found.append((name, value))
            continue
        for place, letter in enumerate(word[1:], start=2):
            if letter in with_value:
                value = word[place:]
                if not value and at < len(words):
                    value = words[at]
                    at += 1
                found.append((f"-{letter}", value))
                break
            found.append((f"-{letter}", ""))
    return found, words[at:]


def _timeout(state: Stripped) -> Stripped | None:
    """`timeout [-k SPAN] [-s SIGNAL] SPAN COMMAND`. Source: timeout(1), GNU coreutils; bare numbers are seconds."""
    options, rest = _options(state.words, "ks", ("--kill-after", "--signal"))
    if len(rest) < 2 or not (match := _DURATION.fullmatch(rest[0])):
        return None
    span = float(match[1]) * _UNITS[match[2]]
    note = ""
    if any(name in ("-s", "--signal", "-k", "--kill-after") for name, _ in options):
        note = "timeout's signals: here a run gets SIGTERM, and SIGKILL 5 s later"
    if span == 0:
        return _moved(state, rest[1:], note)
    limit = min(span, state.timeout_s or LONGEST_S, LONGEST_S)
    if span > LONGEST_S:
        note = f"timeout {rest[0]}: cut to 7d, the longest a run may take here"
    return _moved(state, rest[1:], note, timeout_s=limit)


def _flock(state: Stripped, shared: frozenset[str]) -> Stripped | None:
    """`flock [-n|-w S] FILE COMMAND` or `flock FILE -c TEXT`. Source: flock(1), util-linux."""
    options, rest = _options(state.words, "wE", ("--wait", "--timeout", "--conflict-exit-code"))
    names = {name for name, _ in options}
    if len(rest) < 2 or rest[0].isdigit() or names & {"-u", "--unlock", "-s", "--shared"} or rest[0] in shared:
        return None
    skips = bool(names & {"-n", "--nonblock", "--nb"})
    overlap: Overlap = "skip" if skips else "queue"
    note = f"flock {rest[0]} is now overlap = {overlap!r}".replace("'", '"')
    waits = [value for name, value in options if name in ("-w", "--wait", "--timeout")]
    if waits and not skips:
        note += f"; it gave up after {waits[0]} s, here a start waits until the run before it ends"
    changes: dict[str, object] = {"overlap": overlap, "lock": rest[0]}
    if rest[1] in ("-c", "--command"):
        return _moved(state, (), note, script=" ".join(rest[2:]), interpreter="sh", **changes)
    return _moved(state, rest[1:], note, **changes)


def _env(state: Stripped) -> Stripped | None:
    """`env NAME=VALUE ... COMMAND`; with options (-i, -u) it stays."""
    options, rest = _options(state.words, "uCS")
    if options:
        return None
    env = dict(state.env)
    while rest and re.match(r"[A-Za-z_]\w*=", rest[0]):
        name, _, value = rest[0].partition("=")
        env[name], rest = value, rest[1:]
    return _moved(state, rest, env=env) if rest else None


def _kept(with_value: str) -> Callable[[Stripped], Stripped | None]:
    """Return the step for a wrapper that stays in front of the command."""

    def step(state: Stripped) -> Stripped | None:
        _, rest = _options(state.words, with_value)
        head = state.words[: len(state.words) - len(rest)]
        return _moved(state, rest, prefix=(*state.prefix, *head)) if rest else None

    return step


def _dropped(note: str) -> Callable[[Stripped], Stripped | None]:
    """Return the step for a wrapper that has nothing left to do here."""

    def step(state: Stripped) -> Stripped | None:
        _, rest = _options(state.words, "")
        return _moved(state, rest, note) if rest else None

    return step


def _shell(state: Stripped) -> Stripped | None:
    """`sh -c TEXT`: the text is read in its place. Other options than -c, -e and -u stay, and so does `-c` with $0."""
    if len(state.words) == 3 and re.fullmatch(r"-[eu]*c", state.words[1]):
        set_options = state.words[1].strip("-c")
        text = f"set -{set_options}; {state.words[2]}" if set_options else state.words[2]
        return _moved(state, (), script=text, interpreter=state.words[0])
    return None


_STEPS: Final[dict[str, Callable[[Stripped], Stripped | None]]] = {
    "timeout": _timeout,
    "env": _env,
    "nice": _kept("n"),
    "ionice": _kept("cnp"),
    "chrt": lambda _: None,
    "chronic": _dropped("chronic hid the output of good runs; each run has its log here"),
    "nohup": _dropped("nohup is not needed: no terminal can go away"),
    "setsid": _dropped("setsid would take the script out of reach of its timeout; taken out"),
    "exec": _dropped(""),
    "command": _dropped(""),
    **dict.fromkeys(SHELLS, _shell),
}


def programs_in(text: str, known: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the programs that shell `text` starts, as `started_in`, without their folders."""
    return [word.rpartition("/")[2] for word in started_in(text, known)]


def started_in(text: str, known: Mapping[str, str] | None = None) -> list[str]:
    """Return the programs that shell `text` starts, behind their wrappers, in the order they stand; "" for unknown.

    Args:
        known: values of variables.
    """
    found: list[tuple[int, str]] = []
    waiting = [parse(text)]
    while waiting:
        node = waiting.pop()
        waiting += node.named_children
        if node.type == "command":
            parts = [c for c in node.named_children if c.type not in ("variable_assignment", "file_redirect")]
            stripped = strip(tuple(literal(part, known or {}) or "" for part in parts))
            if stripped.script is not None:
                found += [(node.start_byte, name) for name in started_in(stripped.script, known)]
            elif stripped.words:
                found.append((node.start_byte, stripped.words[0]))
    return [name for _, name in sorted(found)]
