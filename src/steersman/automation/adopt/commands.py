"""One shell command, read: what of it the manifest says in its own fields, and what must stay with a shell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.automation.adopt import wrappers
from steersman.automation.adopt.shell_text import join, literal, parse, quote, source
from steersman.automation.model.manifest import Overlap

if TYPE_CHECKING:
    from tree_sitter import Node

_LOG: Final = re.compile(r"(\.(log|out|err|txt)(\.\d+)?$)|(^|/)(logs?|log[-_]\w+)(/|$)")
_RANDOM_SLEEP: Final = re.compile(r"(sleep|/bin/sleep)\s.*RANDOM")
_ACTIVATE: Final = re.compile(r"(?P<venv>.+)/bin/activate")
_DEPTH: Final = 4


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command line without what the manifest says itself.

    Attributes:
        words: program and arguments; empty when `text` must stay with a shell.
        prefix: wrappers that stay in front, e.g. `nice -n 10`.
        text: shell text, as short as it could be made; for `words` it is the same command.
        cwd: folder it changes to first; None: where it is started.
        venv: folder of a virtual environment that was activated first.
        env: variables set for it alone.
        notes: what was read differently from what stands there, for a person.
        why_shell: what kept it with a shell; empty for `words`.
    """

    words: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    text: str = ""
    shell: str = "/bin/sh"
    cwd: str | None = None
    venv: str | None = None
    env: dict[str, str] = {}
    timeout_s: float | None = None
    overlap: Overlap | None = None
    lock: str | None = None
    notes: tuple[str, ...] = ()
    why_shell: str = ""


def read_command(
    text: str,
    *,
    shell: str = "/bin/sh",
    known: Mapping[str, str] | None = None,
    shared_locks: frozenset[str] = frozenset(),
    needs_shell: str = "",
) -> Command:
    """Return what `text` does.

    Args:
        shell: who reads it today.
        known: variables with their values, from the crontab; `HOME` too.
        shared_locks: lock files of several entries, see `wrappers.strip`.
        needs_shell: why it must stay with a shell whatever it says, e.g. a variable that holds a secret.
    """
    return _Reader(shell, known or {}, shared_locks, needs_shell).read(text, 0)


def locks_of(text: str) -> list[str]:
    """Return the lock files that `flock` takes in `text`, as written."""
    found = []
    waiting = [parse(text)]
    while waiting:
        node = waiting.pop()
        waiting += node.named_children
        if node.type == "command":
            stripped = wrappers.strip(tuple(literal(c, {}) or source(c) for c in node.named_children))
            found += [stripped.lock] if stripped.lock else []
    return found


class _Step(msgspec.Struct, frozen=True):
    """One statement: the operator before it, its node, and redirections that the grammar hung elsewhere."""

    operator: str
    node: Node
    redirects: tuple[Node, ...] = ()


class _Reader:
    """Takes one command apart from the left; what it cannot take apart it leaves to the shell."""

    def __init__(self, shell: str, known: Mapping[str, str], shared: frozenset[str], needs_shell: str) -> None:
        self._shell = shell
        self._known = dict(known)
        self._shared = shared
        self._needs_shell = needs_shell
        self._read = Command(shell=shell)

    def _note(self, *notes: str) -> None:
        self._change(notes=(*self._read.notes, *(n for n in notes if n)))

    def _change(self, **changes: object) -> None:
        self._read = msgspec.structs.replace(self._read, **changes)

    def read(self, text: str, depth: int) -> Command:
        root = parse(text)
        if root.has_error:
            return self._leave(text, "the shell grammar does not cover all of it")
        steps = _steps(root)
        while len(steps) > 1 and self._first(steps[0]):
            steps.pop(0)
        if not steps:
            return self._leave(text, "there is no command in it")
        rest = _from(text, steps[0].node)
        if len(steps) > 1:
            return self._leave(rest, "several commands")
        node = self._plain(steps[0].node, steps[0].redirects)
        if node is None:
            return self._leave(rest, _why(steps[0]))
        if node.type != "command":
            return self._leave(rest, _why(_Step("", node)))
        if rest.rstrip().endswith("&"):
            self._note("the & at the end is taken out: what stays in the background ends with its run")
        if self._needs_shell:
            return self._leave(source(node), self._needs_shell)
        return self._command(node, depth)

    def _leave(self, text: str, why: str) -> Command:
        """Keep `text` with the shell."""
        text = text.strip()
        if text.endswith("&") and not text.endswith("&&"):
            text = text[:-1].rstrip()
            self._note("the & at the end is taken out: what stays in the background ends with its run")
        if self._read.venv is not None:
            text = f". {quote(self._read.venv)}/bin/activate && {text}"
        self._change(text=text, why_shell=why)
        return self._read

    def _first(self, step: _Step) -> bool:
        """Take in a step that only prepares the command; say whether it was one."""
        node = step.node
        if step.operator not in ("", "&&", ";") or step.redirects:
            return False
        if node.type == "declaration_command":
            return self._export(node)
        if node.type == "variable_assignment":
            return self._assign(node)
        if node.type != "command":
            return False
        if _RANDOM_SLEEP.match(source(node)):
            self._note(f"{source(node)!r} is taken out: starts of one engine do not crowd a machine")
            return True
        words = [literal(child, self._known) for child in node.named_children]
        if words == ["cd"]:
            words = ["cd", self._known.get("HOME")]
        match words:
            case ["cd", str(folder)] if folder != "-":
                here = self._read.cwd
                self._change(cwd=folder if folder.startswith("/") or here is None else f"{here.rstrip('/')}/{folder}")
                return True
            case ["." | "source", str(file)] if match := _ACTIVATE.fullmatch(file):
                self._change(venv=match["venv"])
                return True
            case ["set", "-e" | "+e" | "-u" | "-eu" | "-x"]:
                return True
        return False

    def _export(self, node: Node) -> bool:
        return (
            node.children[0].type == "export"
            and all(child.type == "variable_assignment" for child in node.named_children)
            and all(self._assign(child) for child in node.named_children)
        )

    def _assign(self, node: Node) -> bool:
        """Take in NAME=VALUE; exported or not, a variable more in the environment does no harm to the command."""
        name, *value = node.named_children
        found = literal(value[0], self._known) if value else ""
        if name.type != "variable_name" or found is None:
            return False
        self._known[source(name)] = found
        self._change(env={**self._read.env, source(name): found})
        return True

    def _plain(self, node: Node, redirects: tuple[Node, ...] = ()) -> Node | None:
        """Return the command under redirections to logs and pipes into loggers, None if something else is done."""
        if node.type == "redirected_statement":
            body, *more = node.named_children
            return self._plain(body, (*more, *redirects))
        targets = [self._log_target(r) for r in redirects]
        if None in targets:
            return None
        self._note(*(f"output went to {t}; now: steersman auto logs NAME" for t in sorted({t for t in targets if t})))
        if node.type == "pipeline":
            first, *others = node.named_children
            return self._plain(first) if len(others) == 1 and self._into_a_logger(others[0]) else None
        return node

    def _log_target(self, redirect: Node) -> str | None:
        """Return the log a redirection writes to, empty for /dev/null and 2>&1, None if it may be data."""
        if redirect.type != "file_redirect":
            return None
        operator = next((c.type for c in redirect.children if not c.is_named), "")
        target = literal(redirect.named_children[-1], self._known)
        shown = source(redirect.named_children[-1])
        if target == "/dev/null" or (operator == ">&" and (target or "").isdigit()):
            return ""
        if operator in (">", ">>", "&>", "&>>", ">|") and _LOG.search(target or shown):
            return target or shown
        return None

    def _into_a_logger(self, node: Node) -> bool:
        words = [literal(child, self._known) for child in node.named_children if child.type != "file_redirect"]
        name = (words[0] or "").rpartition("/")[2] if words else ""
        files = [w for w in words[1:] if w is not None and not w.startswith("-")]
        if name in ("logger", "systemd-cat"):
            self._note(f"output went to the system log by {name}; now: steersman auto logs NAME")
            return True
        if name == "tee" and None not in words and files and all(_LOG.search(f) or f == "/dev/null" for f in files):
            self._note(f"output went to {', '.join(files)}; now: steersman auto logs NAME")
            return True
        return name == "ts"

    def _command(self, node: Node, depth: int) -> Command:
        """Read one command: assignments before it, its wrappers, itself."""
        text = source(node)
        assigned = [child for child in node.named_children if child.type == "variable_assignment"]
        if not all(self._assign(child) for child in assigned):
            return self._leave(text, "a variable set from something computed")
        others = [child for child in node.named_children if child.type != "variable_assignment"]
        words = [literal(child, self._known) for child in others]
        known = tuple(word for word in words if word is not None)
        if len(known) < len(words):
            dark = source(next(o for o, word in zip(others, words, strict=True) if word is None))
            return self._leave(text, f"{dark} is for the shell to work out")
        stripped = wrappers.strip(known, shared_locks=self._shared)
        self._take(stripped)
        if stripped.script is not None and depth < _DEPTH:
            self._shell = stripped.interpreter or self._shell
            self._change(shell=self._shell)
            return self.read(stripped.script, depth + 1)
        self._change(words=stripped.words, text=join(stripped.words))
        return self._read

    def _take(self, stripped: wrappers.Stripped) -> None:
        self._note(*stripped.notes)
        self._change(
            prefix=(*self._read.prefix, *stripped.prefix),
            env={**self._read.env, **stripped.env},
            timeout_s=stripped.timeout_s or self._read.timeout_s,
            overlap=stripped.overlap or self._read.overlap,
            lock=stripped.lock or self._read.lock,
        )


def _steps(root: Node) -> list[_Step]:
    """Return the statements of `root` in order; && is flattened, || is not."""
    found: list[_Step] = []
    operator = ""
    for child in root.children:
        if child.is_named and child.type != "comment":
            found += _flat(operator, child, ())
            operator = ""
        elif not child.is_named:
            operator = child.type
    return found


def _flat(operator: str, node: Node, redirects: tuple[Node, ...]) -> list[_Step]:
    if node.type == "list" and len(node.children) == 3 and node.children[1].type == "&&":
        return [*_flat(operator, node.children[0], ()), *_flat("&&", node.children[2], redirects)]
    if node.type == "redirected_statement" and node.named_children[0].type == "list":
        # The grammar hangs a redirection on the whole list; the shell means its last command.
        body, *more = node.named_children
        return _flat(operator, body, (*more, *redirects))
    return [_Step(operator, node, redirects)]


def _from(text: str, node: Node) -> str:
    return text.encode()[node.start_byte :].decode(errors="replace")


def _why(step: _Step) -> str:
    if step.redirects:
        return "a redirection that may write data"
    kinds = {
        "list": "|| decides what runs next",
        "pipeline": "a pipe",
        "if_statement": "an if",
        "for_statement": "a loop",
        "while_statement": "a loop",
        "subshell": "a subshell",
        "test_command": "a test",
        "redirected_statement": "a redirection that may write data",
        "negated_command": "a negation",
    }
    return kinds.get(step.node.type, "shell syntax")
