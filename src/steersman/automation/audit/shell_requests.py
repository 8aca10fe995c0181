"""Commands that wait for somebody: what they ask for, what limits the wait, what tries again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from steersman.automation.audit.endpoints import Endpoint, Hole, Text, endpoint, joined, literal, shown
from steersman.automation.audit.facts import Change, Edit
from steersman.automation.audit.shell_tree import Command, Tree, Word

if TYPE_CHECKING:
    from tree_sitter import Node

CURL_VALUED: Final = frozenset("AbcCdDeEFhHKmoPQrTtuUwxXyYz")
CURL_LONG: Final = frozenset(
    (
        "--header",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--json",
        "--form",
        "--user",
        "--user-agent",
        "--output",
        "--request",
        "--url",
        "--upload-file",
        "--max-time",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--retry-max-time",
        "--proxy",
        "--cookie",
        "--cookie-jar",
        "--cacert",
        "--cert",
        "--key",
        "--range",
        "--referer",
        "--write-out",
        "--dump-header",
        "--resolve",
        "--limit-rate",
        "--speed-limit",
        "--speed-time",
        "--oauth2-bearer",
        "--config",
        "--interface",
        "--get-url",
        "--variable",
    )
)
_WGET_VALUED: Final = frozenset("OoaTtwPUeQ")
_WGET_LONG: Final = frozenset(
    ("--header", "--output-document", "--timeout", "--tries", "--user", "--password", "--user-agent", "--method")
)
CURL_BODY: Final = ("-d", "-F", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--json", "--form")
# Wait for ever unless told otherwise -> the words that tell them, as each manual has it.
_LIMITS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "curl": (("-m", "--max-time", "-y", "--speed-time"), "--max-time 30"),
    "wget": (("-T", "--timeout", "--read-timeout"), "--timeout=30"),
    "http": (("--timeout",), "--timeout=30"),
    "https": (("--timeout",), "--timeout=30"),
    "xh": (("--timeout",), "--timeout=30"),
    "xhs": (("--timeout",), "--timeout=30"),
    "ssh": (("ConnectTimeout",), "-o ConnectTimeout=10"),
    "scp": (("ConnectTimeout",), "-o ConnectTimeout=10"),
    "sftp": (("ConnectTimeout",), "-o ConnectTimeout=10"),
    "rsync": (("--timeout", "--contimeout"), "--timeout=60"),
    "psql": (("connect_timeout",), "PGCONNECT_TIMEOUT=10"),
    "pg_dump": (("connect_timeout",), "PGCONNECT_TIMEOUT=10"),
    "pg_restore": (("connect_timeout",), "PGCONNECT_TIMEOUT=10"),
    "mysql": (("--connect-timeout", "--connect_timeout"), "--connect-timeout=10"),
    "nc": (("-w",), "-w 30"),
}
_ENDS_AT_FAILURE: Final = re.compile(rb"^\s*set\s+-\w*e|^#!.*\s-e", re.MULTILINE)
_DEEPEST: Final = 3
_HTTPIE: Final = ("http", "https", "xh", "xhs")
_HTTPIE_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(slots=True)
class Http:
    """An HTTP request by a command. `options` are as written, short ones parted: `-sSfm 10` is -s -S -f -m 10.

    `several`: the command makes others, too.
    """

    command: Command
    options: list[tuple[str, Word | None]] = field(default_factory=list)
    urls: list[Word] = field(default_factory=list)
    method: str = "get"
    several: bool = False

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.options)

    def value(self, *names: str) -> Word | None:
        return next((word for name, word in self.options if name in names), None)

    def asked(self, tree: Tree, arguments: tuple[Text, ...] = ()) -> Endpoint | None:
        """Return what is asked for; `arguments` are those of the function it stands in."""
        if not self.urls:
            return None
        word = self.urls[0]
        url = word.text if word.origin == word.node else tree.evaluate(word.node, arguments)
        first = url[0] if url else ""
        if isinstance(first, str) and "://" not in first and re.match(r"[\w-]+(\.[\w-]+)+(:\d+)?(/|$)", first):
            url = joined(("http://",), url)
        return endpoint(url, self._params(tree, arguments))

    def _params(self, tree: Tree, arguments: tuple[Text, ...]) -> dict[str, Text]:
        """Return the parameters that stand apart from the address: `curl -G -d a=1`, `http GET URL a==1`."""
        names = CURL_BODY if self.command.name == "curl" and self.has("-G", "--get") else ()
        given = [w for option, w in self.options if option in (*names, "--url-query") and w is not None]
        given += [w for w in self.urls[1:] if "==" in w.start and self.command.name in _HTTPIE]
        found: dict[str, Text] = {}
        for word in given:
            text = word.text if word.origin == word.node else tree.evaluate(word.node, arguments)
            # An option may carry its value: `--data-urlencode=a=1`, `-da=1`.
            first = re.sub(r"^(--[\w-]+=|-d(?=\w+=))", "", text[0]) if text and isinstance(text[0], str) else ""
            for number, pair in enumerate(first.split("&")):
                name, equals, value = pair.partition("=")
                rest = text[1:] if number == first.count("&") else ()
                if equals:
                    found[name] = joined((value.removeprefix("="),), rest)
        return found

    @property
    def only_asks(self) -> bool:
        """Say whether it asks if the other side answers, and keeps nothing of what it says: `curl -o /dev/null`."""
        kept = self.value("-o", "--output", "-O", "--output-document")
        return self.method == "head" or (kept is not None and kept.fixed.endswith("/dev/null"))

    def alone(self) -> list[Http]:
        """Return a request for each address that the command names."""
        more = [w for w in self.urls[1:] if "://" in w.start or self.command.name in ("curl", "wget")]
        if self.command.name in _HTTPIE or not more:
            return [self]
        return [replace(self, urls=[word], several=True) for word in self.urls]

    def with_method(self, tree: Tree, arguments: tuple[Text, ...]) -> Http:
        """Return the request with the verb that `-X "$1"` gets."""
        named = self.value("-X", "--request")
        if named is None or self.method or self.command.name != "curl":
            return self
        text = named.text if named.origin == named.node else tree.evaluate(named.node, arguments)
        return replace(self, method=(literal(text) or "").lower())


def http(command: Command) -> Http | None:
    """Return the HTTP request that `command` makes; None if it is another command."""
    if command.name == "curl":
        return _curl(command)
    if command.name == "wget":
        return _wget(command)
    if command.name in _HTTPIE:
        return _httpie(command)
    return None


def _parted(command: Command, short: frozenset[str], long: frozenset[str]) -> Http:
    found, words = Http(command), list(command.words)
    while words:
        word = words.pop(0)
        text = word.start
        if text.startswith("--") and len(text) > 2:
            name, equals, _ = text.partition("=")
            takes = not equals and name in long
            found.options.append((name, words.pop(0) if takes and words else word if equals else None))
        elif text.startswith("-") and len(text) > 1:
            for place, letter in enumerate(text[1:], 1):
                if letter in short:
                    attached = place < len(text) - 1 or len(word.text) > 1
                    found.options.append((f"-{letter}", word if attached else words.pop(0) if words else None))
                    break
                found.options.append((f"-{letter}", None))
        else:
            found.urls.append(word)
    surely = [w for w in found.urls if "://" in w.start]
    if surely:
        # Beside an address, a variable without quotes holds options, if anything.
        found.options += [(w.text[0].source, None) for w in found.urls if _is_bare(w) and isinstance(w.text[0], Hole)]
        found.urls = [*surely, *(w for w in found.urls if w not in surely and not _is_bare(w))]
    return found


def _is_bare(word: Word) -> bool:
    bare = word.node.type in ("simple_expansion", "expansion") or _is_rest(word)
    return bare and len(word.text) == 1 and isinstance(word.text[0], Hole)


def _is_rest(word: Word) -> bool:
    """Say whether `word` is whatever a function is called with: `"$@"`."""
    return any(isinstance(p, Hole) and re.fullmatch(r"\$\{?[@*]\}?", p.source) for p in word.text)


def _curl(command: Command) -> Http:
    found = _parted(command, CURL_VALUED, CURL_LONG)
    named = found.value("--url")
    if named is not None:
        found.urls.insert(0, named)
    method = found.value("-X", "--request")
    if method is not None:
        found.method = method.fixed.lower().removeprefix("-x").removeprefix("--request=")
    elif found.has("-T", "--upload-file"):
        found.method = "put"
    elif found.has(*CURL_BODY) and not found.has("-G", "--get"):
        found.method = "post"
    elif found.has("-I", "--head"):
        found.method = "head"
    return found


def _wget(command: Command) -> Http:
    found = _parted(command, _WGET_VALUED, _WGET_LONG)
    written = any(name in ("--post-data", "--post-file", "--body-data") for name, _ in found.options)
    named = next((w for name, w in found.options if name == "--method"), None)
    verb = named.fixed.removeprefix("--method=").lower() if named is not None else "post" if written else "get"
    found.method = "head" if found.has("--spider") else verb
    return found


def _httpie(command: Command) -> Http:
    found = _parted(command, frozenset("aoAps"), frozenset(("--auth", "--output", "--session", "--print")))
    if found.urls and found.urls[0].fixed in _HTTPIE_METHODS:
        found.method = found.urls.pop(0).fixed.lower()
    elif any(re.search(r"[^=:]:?=(?!=)", w.start.replace("==", "")) for w in found.urls[1:]):
        found.method = "post"
    return found


def waits(command: Command) -> bool:
    """Say whether `command` waits for another machine, without a limit of its own unless told."""
    if command.name == "pg_restore":  # without a database it only reads the file
        return any(re.match(r"-[dh]|--(dbname|host)", w.start) for w in command.words)
    return command.name in _LIMITS and not (command.name == "psql" and not command.words)


def limited(tree: Tree, command: Command) -> bool:
    """Say whether anything ends the wait: an option, a variable of its environment, `timeout` in front."""
    if command.limited:
        return True
    options, _ = _LIMITS[command.name]
    if command.name in ("psql", "pg_dump", "pg_restore"):
        given = "PGCONNECT_TIMEOUT" in command.environment or any(
            "PGCONNECT_TIMEOUT" in t.values for t in (tree, *tree.libraries)
        )
        return given or any("connect_timeout" in shown(w.text) for w in command.words)
    request = http(command)
    if request is not None:
        return any(name in options for name, _ in request.options)
    if command.name in ("ssh", "scp", "sftp"):
        return any("connecttimeout" in shown(w.text).lower() for w in command.words)
    if command.name == "nc":
        return any(re.match(r"-[a-z46]*w", w.start) for w in command.words)
    return any(w.start.partition("=")[0] in options for w in command.words)


def limit(command: Command) -> Change:
    """Return the edit that adds a limit right behind the command's name (in front of it, for PostgreSQL's)."""
    _, text = _LIMITS[command.name]
    if text.startswith("PG"):
        return _in_front(command, text)
    end = command.word.end_byte
    return Change(edits=(Edit(start=end, end=end, new=f" {text}"),))


def _in_front(command: Command, text: str) -> Change:
    start = command.word.start_byte
    first = next((c for c in command.node.children if c.is_named), command.word)
    behind_wrapper = first.type != "variable_assignment" and first.start_byte != start
    new = f"env {text} " if behind_wrapper else f"{text} "
    return Change(edits=(Edit(start=start, end=start, new=new),))


def retry(command: Command) -> Change:
    """Return the edit that lets curl try again; other commands have no such option."""
    if command.name != "curl":
        return Change()
    end = command.word.end_byte
    return Change(edits=(Edit(start=end, end=end, new=" --retry 3"),))


def sites(tree: Tree, request: Http) -> Iterator[tuple[Http, Tree, Command, tuple[Text, ...], bool]]:
    """Return where the address is decided: the command, or the calls of its function that fill `$1` or `$@` in.

    With each comes the request as it then is, and the script that calls; the flag says whether it is a call.
    """
    base = request.asked(tree)
    name = tree.function_of(request.command.node)
    rest = any(_is_rest(w) for w in request.command.words)
    verb = request.value("-X", "--request")
    words = [*request.urls[:1], *([verb] if verb is not None else [])]
    told = any(isinstance(p, Hole) and p.parameter for w in words for p in tree.evaluate(w.node))
    found = False
    for home, call, arguments in calls_of(tree, name) if name and (told or rest) else ():
        made = (_made(request, call, _shifted(tree, name)) if rest else request).with_method(tree, arguments)
        asked = made.asked(tree, arguments)
        if asked is not None and (base is None or asked.key != base.key or made.method != request.method):
            found = True
            yield made, home, call, arguments, True
    if not found:
        yield request, tree, request.command, (), False


def calls_of(tree: Tree, name: str, depth: int = 0) -> Iterator[tuple[Tree, Command, tuple[Text, ...]]]:
    """Return the calls of a function with their arguments; where those are told, too, the calls that tell them."""
    for home, call in [(t, c) for t in (tree, *tree.users) for c in t.commands if c.name == name]:
        texts = tuple(w.text for w in call.words)
        outer = home.function_of(call.node)
        told = any(isinstance(p, Hole) and p.parameter for text in texts for p in text)
        above = list(calls_of(home, outer, depth + 1)) if told and outer not in ("", name) and depth < _DEEPEST else []
        for where, further, arguments in above:
            given = (w.text if w.origin == w.node else home.evaluate(w.node, arguments) for w in call.words)
            yield where, further, tuple(given)
        if not above:
            yield home, call, texts


def _given(call: Command) -> tuple[Word, ...]:
    """Return the words of a call as its script has them: the function may stand in another one."""
    return tuple(replace(word, origin=word.node) for word in call.words)


def _shifted(tree: Tree, function: str) -> int:
    """Return how many arguments a function takes off by `shift` before it hands on the rest."""
    shifts = [c for c in tree.commands if c.name == "shift" and tree.function_of(c.node) == function]
    return sum(int(c.words[0].fixed) if c.words and c.words[0].fixed.isdigit() else 1 for c in shifts)


def _made(request: Http, call: Command, shifted: int) -> Http:
    """Return the request of a function with what `call` gives in the place of `"$@"`."""
    words = tuple(w for own in request.command.words for w in (_given(call)[shifted:] if _is_rest(own) else (own,)))
    return http(replace(request.command, words=words)) or request


def retried(tree: Tree, request: Http) -> bool:
    """Say whether a failed request is tried again: by an option, a wrapper, or a loop that ends once it went well."""
    command = request.command
    if command.retried or request.has("--retry") or command.name == "wget":
        return True  # wget tries 20 times by itself
    return _in_retry_loop(tree, command) or _called_with_retry(tree, command)


def _in_retry_loop(tree: Tree, command: Command) -> bool:
    below = command.node
    for above in tree.ancestors(command.node):
        if (
            above.type == "while_statement"
            and _comes_round(tree, above)
            and above.child_by_field_name("condition") != below
        ):
            return True
        if above.type == "while_statement" and above.child_by_field_name("condition") == below:
            return True
        if above.type == "list" and any(c.type == "&&" for c in above.children):
            leaves = any(re.search(r"\b(break|return|exit)\b", tree.text(c)) for c in above.named_children[1:])
            if leaves and tree.looped(above):
                return True
        tested = above.type == "if_statement" and above.child_by_field_name("condition") == below
        if tested and tree.looped(above) and re.search(r"\b(break|return|exit)\b", tree.text(above)):
            return True
        below = above
    return False


def _comes_round(tree: Tree, loop: Node) -> bool:
    """Say whether a loop runs for ever, and no failure ends the script: then what failed is asked again."""
    condition = loop.child_by_field_name("condition")
    endless = condition is not None and tree.text(condition).rstrip(" ;") in ("true", ":", "1")
    return endless and not re.search(
        r"^\s*set\s+-\w*e|^#!.*\s-e", tree.source.data.decode(errors="replace"), re.MULTILINE
    )


def _called_with_retry(tree: Tree, command: Command) -> bool:
    name = tree.function_of(command.node)
    calls = [(t, c) for t in (tree, *tree.users) for c in t.commands if c.name == name] if name else []
    return bool(calls) and all(c.retried or _in_retry_loop(t, c) for t, c in calls)
