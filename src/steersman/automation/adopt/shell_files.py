"""Files that shell text reads and writes: redirections, the commands that copy and move, scripts it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steersman.automation.adopt import wrappers
from steersman.automation.adopt.shell_text import literal, parse, source
from steersman.automation.adopt.touched import Direction, Seen, Touch, absolute

if TYPE_CHECKING:
    from tree_sitter import Node

_READERS: Final = frozenset(
    {"cat", "head", "tail", "grep", "sort", "uniq", "wc", "awk", "sed", "jq", "cut", "diff", "less", "zcat", "gunzip"}
    | {"md5sum", "sha256sum", "split", "comm", "join", "paste"}
)
_PROGRAM_FIRST: Final = frozenset({"grep", "awk", "sed", "jq"})
_COPIERS: Final = ("cp", "mv", "install", "rsync", "ln", "scp")
_OUTPUT: Final = ("-o", "-O", "--output", "--out", "--outfile", "--output-document", "--output-file", "--dest")
_FILE: Final = re.compile(r"[^\s=:]*[\w-]\.[A-Za-z][A-Za-z0-9]{0,9}|.*/[^\s=:]+")
_INTERPRETERS: Final = re.compile(r"python[\d.]*|(ba|da|z|k)?sh")
_HERE: Final = re.compile(
    r"\$\(\s*(?:cd \"?)?\$?\(?\s*dirname\s+(?:--\s+)?\"?(?:\$0|\$\{?BASH_SOURCE(?:\[0\])?\}?)\"?.*\)"
)
_NO_WORDS: Final = ("variable_assignment", "file_redirect", "herestring_redirect", "heredoc_redirect")


def read_shell(text: str, script: Path, folder: Path, arguments: Sequence[str]) -> Seen:
    """Return what the script does, its `cd`, variables and arguments followed from top to bottom."""
    values = {str(n): a for n, a in enumerate(arguments, start=1)} | {"0": str(script), "HOME": str(Path.home())}
    walk = _Walk(text, script.name, str(script.parent), folder, values)
    return walk.seen()


def read_text(text: str, where: str, folder: Path, known: Mapping[str, str] | None = None) -> Seen:
    """Return what one command line does; `where` is its place, e.g. `crontab:12`, `known` its variables."""
    return _Walk(text, where, None, folder, dict(known or {}), one_line=True).seen()


class _Walk:
    def __init__(
        self,
        text: str,
        name: str,
        home: str | None,
        folder: Path,
        values: dict[str, str],
        *,
        one_line: bool = False,
    ) -> None:
        if home is not None:
            # "The folder this script is in", however it is spelled, is a constant.
            text = _HERE.sub(lambda m: home, text)
        self._root = parse(text)
        self._name = name
        self._folder = folder
        self._values = values
        self._one_line = one_line
        self._touches: list[Touch] = []
        self._calls: list[tuple[str, Path, tuple[str, ...], Path]] = []
        self._relative = False
        # After `cd /somewhere` it no longer matters where the script was started.
        self._anchored = False

    def seen(self) -> Seen:
        self._visit(self._root)
        return Seen(
            touches=tuple(dict.fromkeys(self._touches)), calls=tuple(self._calls), relative=self._relative, starts=True
        )

    def _visit(self, node: Node) -> None:
        if node.type == "variable_assignment" and len(node.named_children) == 2:
            value = literal(node.named_children[1], self._values)
            if value is not None:
                self._values[source(node.named_children[0])] = value
            else:
                self._values.pop(source(node.named_children[0]), None)
        elif node.type == "file_redirect":
            self._redirect(node)
        elif node.type == "command":
            words = [literal(c, self._values) for c in node.named_children if c.type not in _NO_WORDS]
            stripped = wrappers.strip(tuple(w if w is not None else "" for w in words))
            self._command(node, stripped.words)
        for child in node.named_children:
            self._visit(child)

    def _redirect(self, node: Node) -> None:
        operator = next((c.type for c in node.children if not c.is_named), "")
        target = node.named_children[-1]
        if operator in (">&", "<&"):
            return
        name = literal(target, self._values)
        self._touch(node, "reads" if operator == "<" else "writes", name or "")

    def _command(self, node: Node, words: Sequence[str]) -> None:
        if not words:
            return
        name, rest = words[0].rpartition("/")[2], list(words[1:])
        plain = [w for w in rest if not w.startswith("-")]
        if name == "cd" and plain:
            self._anchored = self._anchored or plain[0].startswith("/")
            self._folder = Path(absolute(plain[0], self._folder)) if plain[0] else self._folder
        elif name in _COPIERS and len(plain) > 1:
            self._copied(node, plain[:-1], plain[-1])
        elif name == "tee":
            for file in plain:
                self._touch(node, "writes", file)
        elif name in _READERS:
            if name in _PROGRAM_FIRST and not {"-e", "-f"} & set(rest):
                plain = plain[1:]
            for file in (w for w in plain if _FILE.fullmatch(w)):
                self._touch(node, "reads", file)
                if name == "sed" and any(w.startswith("-i") for w in rest):
                    self._touch(node, "writes", file)
        else:
            self._program(node, words)

    def _copied(self, node: Node, files: Sequence[str], target: str) -> None:
        """`cp A B`, `cp A B folder/`."""
        for file in files:
            self._touch(node, "reads", file)
            if target.endswith("/"):
                self._touch(node, "writes", target + Path(file).name)
        if not target.endswith("/"):
            self._touch(node, "writes", target)

    def _program(self, node: Node, words: Sequence[str]) -> None:
        """Follow a script that is started, and take arguments that look like files for what they seem to be."""
        at = 0
        if _INTERPRETERS.fullmatch(words[0].rpartition("/")[2]):
            at = next((i for i, w in enumerate(words) if i and not w.startswith("-")), 0)
        script = words[at]
        if script.endswith((".py", ".sh")):
            language = "python" if script.endswith(".py") else "shell"
            path = Path(absolute(script, self._folder))
            self._calls.append((language, path, tuple(words[at + 1 :]), self._folder))
        for touch in argument_touches(words[at + 1 :], self._folder, self._where(node)):
            self._touches.append(touch)

    def _touch(self, node: Node, direction: Direction, name: str) -> None:
        if not name.startswith("/") and not self._anchored:
            self._relative = True
        if name and not name.startswith("/dev/") and "://" not in name:
            self._touches.append(Touch(direction=direction, path=absolute(name, self._folder), where=self._where(node)))

    def _where(self, node: Node) -> str:
        return self._name if self._one_line else f"{self._name}:{node.start_point[0] + 1}"


def argument_touches(words: Sequence[str], folder: Path, where: str) -> list[Touch]:
    """Return the files that arguments name: behind `-o` or `--output` written, otherwise read."""
    found: list[Touch] = []
    before = ""
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if equals or not word.startswith("-"):
            name = value
            direction: Direction = "writes" if (option or before) in _OUTPUT else "reads"
            if name and "://" not in name and _FILE.fullmatch(name) and not name.startswith("/dev/"):
                found.append(Touch(direction=direction, path=absolute(name, folder), where=where))
        before = word
    return found
