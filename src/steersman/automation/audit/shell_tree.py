"""A shell script as a tree: its commands with their words evaluated as far as they are constant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from steersman.automation.audit.endpoints import UNKNOWN, Hole, Text, joined, literal, masked
from steersman.automation.audit.settings_files import SettingsFiles
from steersman.automation.audit.shell_values import substituted
from steersman.automation.audit.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LOOPS: Final = ("while_statement", "for_statement", "c_style_for_statement")
# Words that run the command behind them; the options of each that take a value of their own.
_WRAPPERS: Final = {
    "sudo": ("-u", "-g"),
    "env": ("-u",),
    "nice": ("-n",),
    "ionice": ("-c", "-n"),
    "time": (),
    "nohup": (),
    "exec": (),
    "command": (),
    "stdbuf": ("-o", "-e", "-i"),
    "setsid": (),
    "timeout": ("-k", "-s", "--signal", "--kill-after"),
    "xargs": ("-n", "-P", "-I", "-L", "-d"),
}
_RETRY: Final = re.compile(r"(?i)retr(y|ies)|backoff")
_SET_FALLBACK: Final = re.compile(r"\$\{(\w+):?=(\w+://[^${}\s]+)\}$")
_GIVEN: Final = re.compile(r"\"?\$\{?(OPTARG|\d)\}?\"?$")
_MOST_TURNS: Final = 40
_FALLBACK: Final = re.compile(r"\$\{\w+:?[-=](\w+://[^${}\s]+)\}$")
_SOURCES: Final = (".", "source")
_DEEPEST: Final = 10


@cache
def _parser() -> Parser:
    from tree_sitter import Language, Parser  # only an audit that meets a shell script needs it
    from tree_sitter_bash import language

    return Parser(Language(language()))


@dataclass(frozen=True, slots=True)
class Word:
    """One word: where it stands and what it is; holes for what only running would tell.

    `origin` is the variable in the command that it comes out of, `node` itself for one part of its text.
    """

    node: Node
    text: Text
    origin: Node | None = None

    @property
    def fixed(self) -> str:
        """Return the constant text, or an empty one."""
        return literal(self.text) or ""

    @property
    def start(self) -> str:
        """Return the constant text it begins with."""
        return self.text[0] if self.text and isinstance(self.text[0], str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A simple command behind its wrappers (`sudo`, `timeout 30`, `retry 3`).

    Attributes:
        words: arguments; `word` is the command's own name.
        limited: a wrapper ends it in time; `retried`: a wrapper repeats it.
        environment: variables set in front of it.
    """

    name: str
    word: Node
    words: tuple[Word, ...]
    node: Node
    limited: bool = False
    retried: bool = False
    environment: dict[str, Text] = field(default_factory=dict)


class Tree:
    """One parsed script."""

    def __init__(self, source: Source, settings: SettingsFiles | None = None) -> None:
        self.source = source
        self.settings = settings or SettingsFiles()
        self.root = _parser().parse(source.data).root_node
        self.values: dict[str, list[Node | None]] = defaultdict(list)
        self._locals: dict[tuple[str, str], list[Node | None]] = defaultdict(list)
        self._arrays: dict[str, list[Node]] = defaultdict(list)
        self._fallbacks: dict[str, str] = {}
        self._loops: dict[str, list[Node]] = defaultdict(list)
        self.functions: dict[str, Node] = {}
        self.libraries: list[Tree] = []
        self.users: list[Tree] = []
        self.nodes = list(_walk(self.root))
        for node in self.nodes:
            self._index(node)
        self.commands = self._commands()

    def _index(self, node: Node) -> None:
        if node.type == "variable_assignment":
            self._assign(node)
        elif node.type == "for_statement":
            variable = node.child_by_field_name("variable")
            if variable is not None:
                self.values[self.text(variable)].append(None)
                self._loops[self.text(variable)].append(node)
        elif node.type == "expansion" and (fallback := _SET_FALLBACK.match(self.text(node))) is not None:
            self._fallbacks.setdefault(fallback[1], fallback[2])
        elif node.type == "function_definition":
            name = node.child_by_field_name("name")
            if name is not None:
                self.functions[self.text(name)] = node
        elif node.type == "command" and self.text(node).startswith("read "):
            for word in self.text(node).split()[1:]:
                self.values[word].append(None)

    def _assign(self, node: Node) -> None:
        name, value, above = node.child_by_field_name("name"), node.child_by_field_name("value"), node.parent
        if name is None or (above is not None and above.type == "command"):
            return
        appended = any(c.type == "+=" for c in node.children)
        if value is not None and value.type == "array":
            # What is added only sometimes is left out; a second list in the place of the first is not followed.
            sometimes = any(a.type in (*LOOPS, "if_statement", "function_definition") for a in self.ancestors(node))
            if not (appended and sometimes):
                known = self._arrays[self.text(name)]
                known.append(value if appended or not known else node)
            return
        declared = above is not None and above.type == "declaration_command"
        function = self.function_of(node) if declared and above is not None else ""
        if function and above is not None and re.match(r"(local|declare|typeset)\b", self.text(above)):
            self._locals[function, self.text(name)].append(None if appended else value)
        else:
            self.values[self.text(name)].append(None if appended else value)

    def _words(self, node: Node) -> list[Word]:
        """Return the words that a word becomes: the elements of an array, the parts of an unquoted variable."""
        inner = (
            node.named_children[0] if node.type in ("string", "command_name") and node.named_child_count == 1 else node
        )
        inner = inner.named_children[0] if inner.type == "string" and inner.named_child_count == 1 else inner
        if inner.type not in ("simple_expansion", "expansion"):
            return [Word(node, self.evaluate(node))]
        listed = re.fullmatch(r"\$\{(\w+)\[[@*]\]\}", self.text(inner))
        if listed is not None and self.text(node).strip('"') == self.text(inner):
            arrays = self._arrays.get(listed[1], [])
            if arrays and all(a.type == "array" for a in arrays):
                return [Word(e, self.evaluate(e), node) for a in arrays for e in a.named_children]
            return [Word(node, self.evaluate(node))]
        text = self.evaluate(node)
        if (inner is not node and node.type != "command_name") or self.text(node).startswith('"'):
            return [Word(node, text)]
        if not text:
            return []  # an empty variable without quotes is no word at all
        parts = _split(text)
        return [Word(node, part, node if len(parts) > 1 else None) for part in parts]

    @property
    def problem(self) -> int | None:
        """Return the line where the script is no shell, None if it is."""
        if not self.root.has_error:
            return None
        wrong = next((n for n in self.nodes if n.is_error or n.is_missing), self.root)
        return wrong.start_point[0] + 1

    def text(self, node: Node) -> str:
        return self.source.text(node.start_byte, node.end_byte)

    def ancestors(self, node: Node) -> Iterator[Node]:
        above = node.parent
        while above is not None:
            yield above
            above = above.parent

    def function_of(self, node: Node) -> str:
        """Return the name of the function that `node` stands in, empty outside."""
        for above in self.ancestors(node):
            if above.type == "function_definition":
                name = above.child_by_field_name("name")
                return self.text(name) if name is not None else ""
        return ""

    def looped(self, node: Node) -> bool:
        return any(above.type in LOOPS for above in self.ancestors(node))

    def evaluate(self, node: Node | None, arguments: tuple[Text, ...] = (), depth: int = 0) -> Text:
        """Return the text of a word; `arguments` stand for `$1`, `$2` ... inside a function."""
        if node is None:
            return ()
        if depth > _DEEPEST:
            return UNKNOWN
        match node.type:
            case "word" | "string_content" | "number" | "variable_name" | "special_variable_name" | "heredoc_content":
                return (self.text(node).replace("\\\n", "").replace("\\", ""),)
            case "raw_string":
                return (self.text(node)[1:-1],)
            case "string":
                return self._string(node, arguments, depth)
            case "concatenation" | "command_name":
                return joined(*(self.evaluate(c, arguments, depth + 1) for c in node.named_children))
            case "simple_expansion" | "expansion":
                return self._variable(node, arguments, depth)
            case "command_substitution":
                read = substituted(self.text(node), self.source.file, self.settings)
                return read or (Hole("value", self.text(node)),)
            case _:
                return (Hole("value", self.text(node)),)

    def _string(self, node: Node, arguments: tuple[Text, ...], depth: int) -> Text:
        """Put a double-quoted string together; what stands between its children is text too."""
        parts: list[Text] = []
        at = node.start_byte + 1
        for child in node.named_children:
            parts.append((self.source.text(at, child.start_byte),))
            parts.append(self.evaluate(child, arguments, depth + 1))
            at = child.end_byte
        parts.append((self.source.text(at, node.end_byte - 1),))
        return joined(*parts)

    def _variable(self, node: Node, arguments: tuple[Text, ...], depth: int) -> Text:
        named = next((c for c in node.named_children if c.type in ("variable_name", "special_variable_name")), None)
        name = self.text(named) if named is not None else "?"
        if name.isdigit() and (node.type == "simple_expansion" or self.text(node) == f"${{{name}}}"):
            place = int(name) - 1
            return (
                arguments[place]
                if 0 <= place < len(arguments)
                else (Hole(f"arg{name}", self.text(node), parameter=True),)
            )
        text, known = self._value(node, name, arguments, depth)
        if text is None:
            return (Hole(name, self.text(node), env=known and name.isidentifier()),)
        # `${API%/}`: what is cut off the end of an address is its slash.
        cut = self.text(node).endswith(("%/}", "%%/}")) and text and isinstance(text[-1], str)
        return (*text[:-1], str(text[-1]).rstrip("/")) if cut else text

    def _value(self, node: Node, name: str, arguments: tuple[Text, ...], depth: int) -> tuple[Text | None, bool]:
        """Return what a variable holds; None when that is not known, with whether it comes from the environment."""
        values = self._locals.get((self.function_of(node), name)) or self.values.get(name, [])
        if len(values) > 1:  # what the command line may say instead is left aside
            values = [v for v in values if v is None or not _GIVEN.match(self.text(v))] or values
        fallback = _FALLBACK.match(self.text(node))
        if fallback is not None and (not values or self._mentions(values[0], name)):
            return (fallback[1],), True  # the address it has unless somebody says otherwise
        if len(values) == 1 and values[0] is not None and not self._mentions(values[0], name):
            return self.evaluate(values[0], arguments, depth + 1), True
        if values == [None] and len(self._loops.get(name, ())) == 1:
            return self._turning(node, name, depth), False
        if not values:
            for library in self.libraries:
                if (told := library.known(name, depth + 1)) is not None:
                    return told, True
            address = self._fallbacks.get(name, "") or self.settings.address(self.source.file, name)
            return ((address,) if address else None), True
        return None, len(values) == 1 and values[0] is not None

    def _turning(self, node: Node, name: str, depth: int) -> Text | None:
        """Return a hole with all that a loop over words that are known puts into its variable."""
        loop = self._loops[name][0]
        if depth > _DEEPEST or loop not in self.ancestors(node):
            return None
        listed = [c for c in loop.named_children if c.type not in ("variable_name", "do_group")]
        words = [w.fixed for c in listed for w in self._words(c)]
        if not words or not all(words) or len(words) > _MOST_TURNS or any(re.search(r"[*?\[{]", w) for w in words):
            return None
        return (Hole(name, self.text(node), values=tuple(dict.fromkeys(words))),)

    def known(self, name: str, depth: int) -> Text | None:
        """Return what a variable is set to, once and outside of functions: what a script that reads this one gets."""
        values = self.values.get(name, [])
        if len(values) != 1 or values[0] is None or depth > _DEEPEST or self._mentions(values[0], name):
            return None
        return self.evaluate(values[0], (), depth + 1)

    def reads(self, other: Tree) -> bool:
        """Say whether this script reads `other` into itself: `. ./common.sh`, `source "$HERE/common.sh"`."""
        names = {masked(c.words[0].text).rpartition("/")[2] for c in self.commands if c.name in _SOURCES and c.words}
        return other.source.file.rpartition("/")[2] in names

    def link(self, others: Iterable[Tree]) -> None:
        """Let this script know what it reads of `others`; of several with that name, the one nearest to it."""
        named: dict[str, Tree] = {}
        here = self.source.file.rpartition("/")[0]
        for other in others if any(c.name in _SOURCES for c in self.commands) else ():
            folder, _, name = other.source.file.rpartition("/")
            if other is not self and self.reads(other) and (name not in named or folder == here):
                named[name] = other
        self.libraries = list(named.values())
        for library in self.libraries:
            library.users.append(self)
        if self.libraries:
            self.commands = self._commands()  # their words may be known now

    def _commands(self) -> list[Command]:
        return [c for n in self.nodes if n.type == "command" and (c := self._command(n)) is not None]

    def _mentions(self, node: Node | None, name: str) -> bool:
        return node is not None and any(n.type == "variable_name" and self.text(n) == name for n in _walk(node))

    def _command(self, node: Node) -> Command | None:
        environment: dict[str, Text] = {}
        words: list[Word] = []
        for child in node.children:
            if child.type == "variable_assignment":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                if name is not None:
                    environment[self.text(name)] = self.evaluate(value)
            elif child.is_named and not child.type.endswith("_redirect"):
                words += self._words(child)
        limited = retried = False
        while words:
            program = words[0].fixed.rpartition("/")[2]
            if program in _WRAPPERS:
                limited |= program == "timeout"
                words = _behind(words[1:], _WRAPPERS[program], environment, takes=1 if program == "timeout" else 0)
            elif _RETRY.search(program):
                retried = True
                words = _behind(words[1:], ("-n", "-t", "-d", "--times"), environment, takes=0)
                while words and re.fullmatch(r"[\d.]+[smh]?|--", words[0].fixed):
                    words = words[1:]
            else:
                break
        if not words:
            return None
        word = words[0].origin or words[0].node
        return Command(
            name=words[0].fixed.rpartition("/")[2],
            word=word,
            words=tuple(words[1:]),
            node=node,
            limited=limited,
            retried=retried,
            environment=environment,
        )


def _split(text: Text) -> list[Text]:
    """Part a text at its spaces, as the shell does with a variable that stands without quotes."""
    words: list[Text] = [()]
    for part in text:
        if isinstance(part, Hole):
            words[-1] = (*words[-1], part)
            continue
        for number, piece in enumerate(re.split(r"\s+", part)):
            if number:
                words.append(())
            words[-1] = joined(words[-1], (piece,))
    return [word for word in words if word]


def _behind(words: list[Word], valued: tuple[str, ...], environment: dict[str, Text], *, takes: int) -> list[Word]:
    """Return the words after a wrapper's own options, assignments and `takes` arguments."""
    while words:
        fixed = words[0].fixed
        if fixed.startswith("-") and fixed != "--":
            words = words[2:] if fixed in valued else words[1:]
        elif re.match(r"[A-Za-z_]\w*=", words[0].start):
            name, _, value = words[0].start.partition("=")
            environment[name] = (value,)
            words = words[1:]
        else:
            break
    return words[takes:]


def _walk(node: Node) -> Iterator[Node]:
    """Return `node` and everything below it, in source order."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting.extend(reversed(here.children))
