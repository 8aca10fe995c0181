"""State checks in shell that are no HTTP request: room, the age of a file, services, processes, servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.endpoints import Hole, Text, joined, masked, shown
from steersman.automation.audit.facts import Change, Shared
from steersman.automation.audit.shell_requests import calls_of
from steersman.automation.audit.shell_tree import Command, Tree, Word

# Programs that ask whether a server answers -> their options that take a value.
_SERVERS: Final = {"nc": "wpsiIqT", "ncat": "wpsiIqT", "pg_isready": "hpdUt", "redis-cli": "hpan", "docker": "f"}


def checks(tree: Tree) -> Iterator[tuple[str, Shared]]:
    """Return the state checks that are no request: df, the age of a file, services and processes."""
    for library in (tree, *tree.libraries):
        for command in library.commands:
            found = _file_or_service(command) or _server(library, command)
            if found is None:
                continue
            kind, subject = found
            open_ = [p for p in subject.text if isinstance(p, Hole) and not p.env]
            if not open_ and library is tree:
                yield "check", _state(tree, command, kind, subject)
            elif open_ and all(p.parameter for p in open_):
                yield from _told(tree, library, command, kind, subject)


def _told(tree: Tree, library: Tree, command: Command, kind: str, subject: Word) -> Iterator[tuple[str, Shared]]:
    """Return the checks of a function that is told what to look at, where `tree` tells it: `need_space /srv`."""
    for home, call, arguments in calls_of(library, library.function_of(command.node)):
        text = library.evaluate(subject.node, arguments)
        if home is tree and not any(isinstance(p, Hole) and not p.env for p in text):
            yield "check", _state(tree, call, kind, Word(subject.node, text))


def _file_or_service(command: Command) -> tuple[str, Word] | None:
    """Return what kind of state a program of the machine itself tells, and of what."""
    words = [w for w in command.words if not w.start.startswith("-")]
    asks_time = any("%Y" in w.fixed or "%y" in w.fixed for w in command.words)
    of_file = any(w.fixed in ("-r", "--reference") for w in command.words)
    match command.name:
        case "free" | "uptime" | "nproc":
            return "machine load", Word(command.word, (command.name,))
        case "df" | "mountpoint" if words:
            return "disk", words[-1] if command.name == "mountpoint" else words[0]
        case "stat" if asks_time and words:
            return "file age", words[-1]
        case "date" if of_file and words:
            return "file age", words[0]
        case "find" if words and _asks_age(command):
            return "file age", words[0]
        case "systemctl" if len(words) > 1 and words[0].fixed == "is-active":
            return "service up", words[1]
        case "pgrep" | "pidof" if words:
            return "process", words[-1]
        case "ping" if words:
            return "service up", words[-1]
        case _:
            return None


def _asks_age(command: Command) -> bool:
    """Say whether `find FILE -mmin +60` asks how old one file is, and does nothing with it."""
    options = {w.fixed for w in command.words if w.start.startswith("-")}
    asks = options & {"-mmin", "-mtime"} and not options & {"-delete", "-exec", "-execdir", "-name", "-type", "-iname"}
    return bool(asks) and "." in command.words[0].fixed.rpartition("/")[2]


def _state(tree: Tree, command: Command, kind: str, subject: Word) -> Shared:
    place = tree.source.place(command.word.start_byte)
    step = 'move the check into one automation that fails when the answer is no, and give the others needs = ["{}"]'
    return Shared(
        place=place,
        key=f"{kind} {masked(subject.text)}",
        shown=f"{kind} of {shown(subject.text)}",
        stem=kind.replace(" ", "_"),
        looped=tree.looped(command.node),
        change=lambda name, _holes: Change(
            why_not="the result is used inside the script: what others need of it is a decision, not a value",
            next_step=step.format(name),
        ),
        kind=kind,
    )


def _server(tree: Tree, command: Command) -> tuple[str, Word] | None:
    """Return the check that `nc -z HOST PORT`, `pg_isready -h HOST`, `redis-cli ping`, `docker inspect NAME` makes."""
    if command.name not in _SERVERS:
        return None
    words, options = _parted(command)
    for letter, variable in (("h", "PGHOST"), ("p", "PGPORT")):
        if command.name == "pg_isready" and letter not in options and len(tree.values.get(variable, [])) == 1:
            options[letter] = tree.evaluate(tree.values[variable][0])
    texts = [masked(text) for text in words]
    subject: Text = ()
    if command.name in ("nc", "ncat") and any("z" in w.start for w in command.words if w.start.startswith("-")):
        subject = joined(*[part for text in words for part in ((" ",), text)][1:])
    elif command.name == "pg_isready":
        subject = joined(("PostgreSQL ",), options.get("h", ("localhost",)), (" ",), options.get("p", ("5432",)))
    elif command.name == "redis-cli" and [t.lower() for t in texts] == ["ping"]:
        subject = joined(("Redis ",), options.get("h", ("localhost",)), (" ",), options.get("p", ("6379",)))
    elif command.name == "docker" and texts[:1] == ["inspect"] and len(words) > 1:
        subject = words[-1]
    return ("service up", Word(command.word, subject)) if subject else None


def _parted(command: Command) -> tuple[list[Text], dict[str, Text]]:
    """Part the words of a command into those without an option, and the values of its short options."""
    words: list[Text] = []
    options: dict[str, Text] = {}
    left = list(command.words)
    while left:
        word = left.pop(0)
        if not word.start.startswith("-"):
            words.append(word.text)
            continue
        letter = word.start[-1:] if not word.start.startswith("--") else ""
        attached = next((c for c in word.start[1:2] if c in _SERVERS[command.name]), "")
        if attached and len(word.start) > 2:
            options[attached] = joined((word.start[2:],), word.text[1:])
        elif letter and letter in _SERVERS[command.name] and left:
            options[letter] = left.pop(0).text
    return words, options
