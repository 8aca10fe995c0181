"""Python inside of shell scripts: `python3 - <<'PY'` and `python3 -c '...'`, read like a file of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from steersman.automation.audit import python
from steersman.automation.audit.facts import Change, Script, Shared
from steersman.automation.audit.python_module import Folder, Module
from steersman.automation.audit.shell_tree import Command, Tree
from steersman.automation.audit.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_IN_SHELL = Change(why_not="it stands in a shell script, in a text that Python is given")


def modules_in(tree: Tree, folder: Folder) -> list[Module]:
    """Return the Python in a shell script; its lines are those of the script. What does not parse is left out."""
    found: list[Module] = []
    for number, (line, text) in enumerate(_texts(tree)):
        source = Source(tree.source.file, b"\n" * line + text.encode())
        module = python.parse(source, folder, name=f"{tree.source.file}#{number}")
        found += [module] if isinstance(module, Module) else []
    return found


def _texts(tree: Tree) -> Iterator[tuple[int, str]]:
    """Return the texts that Python is given, each with the number of lines above it."""
    for command in tree.commands:
        if not re.fullmatch(r"python[\d.]*", command.name):
            continue
        options = [w.fixed for w in command.words]
        if "-c" in options[:3] and options.index("-c") + 1 < len(command.words):
            node = command.words[options.index("-c") + 1].node
            yield node.start_point[0], tree.text(node)[1:-1]
        elif (body := _here_document(command)) is not None:
            yield body.start_point[0], tree.text(body)


def _here_document(command: Command) -> Node | None:
    above = command.node.parent
    redirects = above.named_children if above is not None and above.type == "redirected_statement" else []
    bodies = (c for r in redirects if r.type == "heredoc_redirect" for c in r.named_children)
    return next((c for c in bodies if c.type == "heredoc_body"), None)


def joined_into(script: Script, inner: list[Script]) -> Script:
    """Return a shell script with what the Python in it does; nothing of that can be edited here."""
    if not inner:
        return script

    def bare(found: tuple[Shared, ...]) -> tuple[Shared, ...]:
        return tuple(replace(f, change=lambda _name, _holes: _IN_SHELL) for f in found)

    calls = [replace(c, limit=_IN_SHELL, retry=Change()) for one in inner for c in one.calls]
    return replace(
        script,
        calls=tuple(sorted((*script.calls, *calls), key=lambda c: c.place)),
        logins=(*script.logins, *(f for one in inner for f in bare(one.logins))),
        pulls=(*script.pulls, *(f for one in inner for f in bare(one.pulls))),
        checks=(*script.checks, *(f for one in inner for f in bare(one.checks))),
        waits=(*script.waits, *(w for one in inner for w in one.waits)),
        uses=(*script.uses, *(u for one in inner for u in one.uses if u != script.file)),
        sends=(*script.sends, *(p for one in inner for p in one.sends)),
    )
