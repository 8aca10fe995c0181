"""One shell script read: everything in it that the audit compares or minds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from steersman.automation.audit.endpoints import Endpoint, Hole, Text, domain, joined, literal
from steersman.automation.audit.facts import Call, Change, Edit, Script, Shared
from steersman.automation.audit.model import NotRead, Place
from steersman.automation.audit.settings_files import SettingsFiles
from steersman.automation.audit.shell_checks import checks
from steersman.automation.audit.shell_logins import logins
from steersman.automation.audit.shell_requests import Http, http, limit, limited, retried, retry, sites, waits
from steersman.automation.audit.shell_secrets import secrets
from steersman.automation.audit.shell_tree import Command, Tree, Word
from steersman.automation.audit.shell_waits import waits as polling
from steersman.automation.audit.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_OF_TEXT: Final = ("-c", "-lc", "-ec")
_LONGEST: Final = 20_000
_READS: Final = ("get", "head", "options")
_TOKEN: Final = re.compile(r"^\.(access_token|token|id_token|jwt)$")
# Options that change nothing about what comes back; any other keeps a request from becoming a pull.
_HARMLESS: Final = frozenset(
    (
        "-s",
        "-S",
        "-f",
        "-L",
        "-k",
        "-m",
        "-H",
        "-u",
        "-A",
        "-G",
        "-g",
        "-4",
        "-6",
        "-q",
        "--silent",
        "--show-error",
        "--fail",
        "--location",
        "--max-time",
        "--header",
        "--user",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--compressed",
        "--user-agent",
        "--fail-with-body",
        "--timeout",
        "--quiet",
        "--tries",
        "-o",
        "--output",
        "-O",
        "--no-verbose",
        "-t",
        "-T",
        "--retry-connrefused",
        "--url",
        "--http1.1",
        "--ignore-stdin",
    )
)


def parse(source: Source, settings: SettingsFiles | None = None) -> Tree | NotRead:
    """Return the script as a tree, or why it cannot be read."""
    tree = Tree(source, settings)
    problem = tree.problem
    if problem is not None:
        return NotRead(file=source.file, line=problem, reason="not shell as bash reads it")
    return tree


def read(tree: Tree) -> Script:
    """Return what the script does, also by functions of scripts that it reads into itself (`Tree.link`)."""
    source = tree.source
    calls, sends = [], []
    facts: list[tuple[str, Shared]] = [*checks(tree), *(("login", one) for one in logins(tree))]
    for library in tree.libraries:
        for command in library.commands:
            lent = http(command)
            for one in lent.alone() if lent is not None and lent.urls else ():
                facts += _facts(library, one, tree)
    for command in tree.commands:
        inner = _handed(tree, command)
        if inner is not None:
            calls += [replace(c, place=source.place(command.word.start_byte), limit=_IN_TEXT) for c in inner.calls]
            facts += _in_text(inner, source.place(command.word.start_byte))
        request = http(command)
        if request is not None and not request.urls:
            continue
        if waits(command):
            calls.append(_call(tree, command, request))
        if request is not None:
            for one in request.alone():
                facts += _facts(tree, one, tree)
            asked = request.asked(tree)
            if request.method not in _READS and not (asked is not None and asked.is_login):
                sends.append(source.place(command.word.start_byte))
    facts = [(what, replace(fact, reached=_reached(tree, fact.place.line))) for what, fact in facts]
    return Script(
        file=source.file,
        language="shell",
        source=source,
        calls=tuple(calls),
        logins=tuple(f for what, f in facts if what == "login"),
        pulls=tuple(f for what, f in facts if what == "pull"),
        checks=tuple(f for what, f in facts if what == "check"),
        waits=tuple(polling(tree)),
        secrets=tuple(secrets(tree)),
        uses=tuple(library.source.file for library in tree.libraries),
        sends=tuple(sends),
    )


def _reached(tree: Tree, line: int) -> frozenset[str] | None:
    """Return the scripts that get to a line of one that they read into themselves: a function counts once called."""
    if not tree.users:
        return None
    waiting = [n for n, body in tree.functions.items() if body.start_point[0] < line <= body.end_point[0] + 1]
    if not waiting:
        return None
    files: set[str] = set()
    known = set(waiting)
    while waiting:
        name = waiting.pop()
        for home, command in [(t, c) for t in (tree, *tree.users) for c in t.commands if c.name == name]:
            inner = home.function_of(command.node)
            if inner and inner not in known:
                known.add(inner)
                waiting.append(inner)
            elif not inner:
                files.add(home.source.file)
    return frozenset(files)


_IN_TEXT: Final = Change(why_not="it stands in a text that is run")


def _handed(tree: Tree, command: Command) -> Script | None:
    """Return what a text does that a shell is handed: `bash -c "..."`, `eval "..."`."""
    if command.name == "eval":
        text = " ".join(runnable(w.text) for w in command.words)
    elif (
        command.name in ("bash", "sh", "dash") and command.words[:1] and command.words[0].fixed in ("-c", "-lc", "-ec")
    ):
        text = runnable(command.words[1].text) if len(command.words) > 1 else ""
    else:
        return None
    return of_text(tree.source.file, text, tree.settings)


def of_text(file: str, text: str, settings: SettingsFiles) -> Script | None:
    """Return what a text does that `file` hands to a shell; None when it is none. Places in it mean nothing."""
    tree = parse(Source(file, text.encode()), settings) if text.strip() and len(text) < _LONGEST else None
    return read(tree) if isinstance(tree, Tree) else None


def runnable(text: Text) -> str:
    """Return a text as shell reads it, with a variable for each part that only running would tell."""
    return "".join(p if isinstance(p, str) else "${" + re.sub(r"\W+", "_", p.name or "x") + "}" for p in text)


def _in_text(inner: Script, place: Place) -> Iterator[tuple[str, Shared]]:
    for what, facts in (("login", inner.logins), ("pull", inner.pulls), ("check", inner.checks)):
        for fact in facts:
            yield what, replace(fact, place=place, change=lambda _name, _holes: _IN_TEXT)


def _call(tree: Tree, command: Command, request: Http | None) -> Call:
    ends = limited(tree, command)
    made = [one for one, *_ in sites(tree, request)] if request is not None else []
    reads = any(one.method in _READS for one in made)
    asked = request.asked(tree) if request is not None else None
    return Call(
        place=tree.source.place(command.word.start_byte),
        what=command.name,
        limited=ends,
        limit=Change() if ends else limit(command),
        reads=reads and not (asked is not None and asked.is_login),
        retried=request is not None and retried(tree, request),
        retry=retry(command) if reads else Change(),
    )


def _facts(tree: Tree, request: Http, script: Tree) -> Iterator[tuple[str, Shared]]:
    """Return what a request of `tree` asks for where `script` decides that."""
    for made, home, command, arguments, by_function in sites(tree, request):
        if home is not script:
            continue
        asked = made.asked(tree, arguments)
        if asked is None or not asked.comparable:
            continue
        reads = made.method in _READS
        if reads or asked.is_login:
            if made.method == "delete":
                continue
            if asked.one_of_many and reads:
                continue
            signs = asked.ends_in_a_login and (asked.with_key or made.has("-u", "--user"))
            what = "login" if not reads or signs else "check" if asked.state or made.only_asks else "pull"
            yield what, _shared(home, made, command, asked, what, by_function)


def _shared(tree: Tree, request: Http, command: Command, asked: Endpoint, what: str, by_function: bool) -> Shared:
    if what == "login":
        key, address = f"http {asked.key.partition('?')[0]}", asked.shown.partition("?")[0]
        text, stem, kind = f"the login at {address}", domain(asked.host), "oauth2"
    else:
        kind = asked.state or ("service up" if what == "check" else "")
        key, address = f"{kind} {asked.key}".strip(), asked.template
        text, stem = asked.shown, asked.stem

    def change(name: str, _holes: tuple[str, ...]) -> Change:
        if by_function:
            return Change(why_not=f"the request itself stands in the function {command.name}")
        return _login(tree, command, name) if what == "login" else _pull(tree, request, asked, name)

    client_id, variable = _client(tree, request) if what == "login" else ("", "")
    return Shared(
        place=tree.source.place(command.word.start_byte),
        key=key,
        keys=tuple(f"{kind} {one}".strip() for one in asked.keys) if what != "login" else (),
        client_id=client_id,
        secret_variable=variable,
        shown=text,
        stem=stem,
        url=address,
        looped=tree.looped(command.node),
        holes=asked.names,
        change=change,
        kind=kind,
        with_login=what != "login"
        and (asked.with_key or request.has("-H", "--header", "-u", "--user", "-b", "--cookie")),
    )


def _client(tree: Tree, request: Http) -> tuple[str, str]:
    """Return the client's id and the environment variable with its secret, of `-u id:$SECRET` or `-d client_id=...`."""
    found: dict[str, Text] = {}
    for option, word in request.options:
        text = tree.evaluate(word.node) if word is not None else ()
        first = text[0] if text else ""
        if not isinstance(first, str):
            continue
        if option in ("-u", "--user"):
            name, colon, rest = first.partition(":")
            found = {"client_id": (name,), "client_secret": joined((rest,), text[1:])} if colon else found
        name, equals, rest = first.partition("=")
        if option in ("-d", "--data", "--data-urlencode") and equals:
            found.setdefault(name, joined((rest,), text[1:]))
    client_id, secret = literal(found.get("client_id", ())) or "", found.get("client_secret", ())
    match secret:
        case (Hole(env=True, name=name),):
            return client_id, name
    return client_id, ""


def _login(tree: Tree, command: Command, name: str) -> Change:
    """Replace `$(curl ... | jq -r .access_token)` by `$(steersman token NAME)`."""
    above = command.node.parent
    if above is None or above.type != "pipeline" or above.parent is None or above.parent.type != "command_substitution":
        return Change(why_not="what is made of the answer is not just `jq -r .access_token`")
    stages = above.named_children
    jq = next((c for c in tree.commands if len(stages) == 2 and c.node == stages[1]), None)
    if jq is None or jq.name != "jq" or not _reads_token(jq.words):
        return Change(why_not="what is made of the answer is not just `jq -r .access_token`")
    return Change(edits=(Edit(start=above.start_byte, end=above.end_byte, new=f"steersman token {name}"),))


def _reads_token(words: tuple[Word, ...]) -> bool:
    texts = [w.fixed for w in words]
    return "-r" in texts and len(texts) == 2 and any(_TOKEN.match(t) for t in texts)


def _pull(tree: Tree, request: Http, asked: Endpoint, name: str) -> Change:
    command = request.command
    other = [option for option, _ in request.options if option not in _HARMLESS]
    if other:
        return Change(why_not=f"{other[0]} asks for more than the data")
    if request.command.name not in ("curl", "wget"):
        return Change(why_not=f"{command.name} prints more than the data")
    if asked.holes:
        return Change(why_not=f"the address varies ({', '.join(h.name for h in asked.holes)})")
    if request.several or len(request.urls) != 1 or command.word != _first(command.node):
        return Change(why_not="it fetches several addresses, or something stands in front of it")
    target = request.value("-o", "--output") if command.name == "curl" else request.value("-O", "--output-document")
    if target is None and (command.name == "wget" or request.has("-O")):
        return Change(why_not="the name of the file it writes is not given")
    out = tree.text(target.node).removeprefix("--output=").removeprefix("-o") if target is not None else "-"
    last = command.node.end_byte
    new = f"steersman pull {name} --out {out}"
    return Change(edits=(Edit(start=command.node.start_byte, end=_end(command.node, last), new=new),))


def _first(node: Node) -> Node | None:
    return next((c for c in node.children if c.is_named), None)


def _end(node: Node, default: int) -> int:
    """Return where the words of a command end, before its redirections."""
    words = [c.end_byte for c in node.children if not c.type.endswith("_redirect")]
    return words[-1] if words else default
