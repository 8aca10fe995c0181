"""Secrets in shell scripts and in the .env files they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from steersman.automation.audit.facts import Change, Edit, Renamed, Secret
from steersman.automation.audit.secret_shapes import find_secret, is_random, promises_secret
from steersman.automation.audit.shell_tree import Tree
from steersman.automation.audit.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_TEXTS: Final = ("word", "string", "raw_string", "heredoc_body", "number", "comment")
_USER: Final = ("-u", "--user", "--auth", "-a")
_ENTRY: Final = re.compile(rb"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)


def secrets(tree: Tree) -> Iterator[Secret]:
    """Return every secret written into the script, in order."""
    for node in tree.nodes:
        if node.type not in _TEXTS or (node.parent is not None and node.parent.type == "string"):
            continue
        text = tree.text(node)
        value = text[1:-1] if node.type in ("string", "raw_string") else text
        name = _name(tree, node)
        found = find_secret(value, name) or _option(tree, node, value)
        if found is not None:
            kind, secret = found
            at = node.start_byte + len(text.partition(secret)[0].encode())
            yield Secret(
                place=tree.source.place(at),
                kind=kind,
                value=secret,
                stem=name or kind,
                change=_change(tree, node, at, secret),
            )


def _name(tree: Tree, node: Node) -> str:
    parent = node.parent
    if parent is not None and parent.type == "expansion":  # the default of a variable: `${TOKEN:-...}`
        variable = next((c for c in parent.named_children if c.type == "variable_name"), None)
        name = tree.text(variable) if variable is not None else ""
        above = parent.parent if parent.parent is None or parent.parent.type != "string" else parent.parent.parent
        return name if name and not name.isdigit() else _assigned(tree, above)
    return _assigned(tree, parent)


def _assigned(tree: Tree, parent: Node | None) -> str:
    if parent is not None and parent.type == "variable_assignment":
        name = parent.child_by_field_name("name")
        return tree.text(name) if name is not None else ""
    return ""


def _option(tree: Tree, node: Node, value: str) -> tuple[str, str] | None:
    """Return a secret handed over by an option: `-u user:password`, `--password=...`, `token=...`."""
    name, equals, given = value.partition("=")
    if equals and promises_secret(name.lstrip("-")) and is_random(given.strip("'\"")):
        return "option", given.strip("'\"")
    before = node.prev_named_sibling
    option = tree.text(before) if before is not None else ""
    attached = _attached(tree, node, value)
    if attached:
        return ("password", attached) if is_random(attached) else None
    if option in _USER and ":" in value:
        password = value.partition(":")[2]
        return ("password", password) if is_random(password) else None
    if option.startswith("--") and promises_secret(option[2:]) and is_random(value):
        return "option", value
    return None


def _attached(tree: Tree, node: Node, value: str) -> str:
    """Return the password that some programs take behind their `-p`: `mysql -psecret`, `sshpass -p secret`."""
    above, before = node.parent, node.prev_named_sibling
    called = above.child_by_field_name("name") if above is not None and above.type == "command" else None
    program = tree.text(called).rpartition("/")[2] if called is not None else ""
    if program in ("mysql", "mysqldump", "mariadb", "mariadb-dump", "sshpass") and value.startswith("-p"):
        return value[2:]
    if program == "sshpass" and before is not None and tree.text(before) == "-p":
        return value
    if program in ("lftp", "ncftpput", "ncftpget") and before is not None and tree.text(before) == "-u":
        return value.partition(",")[2]
    return ""


def _change(tree: Tree, node: Node, at: int, secret: str) -> Renamed:
    def change(name: str, _holes: tuple[str, ...]) -> Change:
        lease = f"$(steersman token {name})"
        end = at + len(secret.encode())
        if node.type in ("comment", "heredoc_body"):
            where = "a comment: delete it" if node.type == "comment" else "a here-document, whose quoting decides"
            return Change(why_not=f"it stands in {where}")
        if "\n" in secret:
            return Change(why_not="it spans several lines")
        if node.type == "string":
            return Change(edits=(Edit(start=at, end=end, new=lease),))
        if node.type == "raw_string":
            text = tree.text(node)[1:-1]
            before, _, after = text.partition(secret)
            new = (f"'{before}'" if before else "") + f'"{lease}"' + (f"'{after}'" if after else "")
            return Change(edits=(Edit(start=node.start_byte, end=node.end_byte, new=new),))
        return Change(edits=(Edit(start=at, end=end, new=f'"{lease}"'),))

    return change


def env_secrets(source: Source) -> Iterator[Secret]:
    """Return the secrets of a .env file: whatever stands under a name that promises one."""
    for entry in _ENTRY.finditer(source.data):
        name = entry.group(1).decode()
        value = entry.group(2).decode("utf-8", errors="replace").strip("'\"")
        found = find_secret(value, name)
        if found is not None:
            kind, secret = found
            yield Secret(
                place=source.place(entry.start(2)),
                kind=kind,
                value=secret,
                stem=name,
                change=lambda _name, _holes: Change(
                    why_not="every script that reads this file would have to ask for it instead",
                    next_step="move the value into the provider's secret, and lease it in the scripts that use it",
                ),
            )
