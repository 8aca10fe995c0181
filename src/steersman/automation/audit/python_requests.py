"""Requests in Python: which library, which address, what limits the wait, what tries again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from steersman.automation.audit.endpoints import Endpoint, Text, endpoint, joined, literal, masked
from steersman.automation.audit.python_calls import Function, argument, is_none, keyword
from steersman.automation.audit.python_curl import Curl, curl
from steersman.automation.audit.python_frames import Frame
from steersman.automation.audit.python_module import Module, Ref
from steersman.automation.audit.python_retries import of_session
from steersman.automation.audit.python_tables import argument_of
from steersman.automation.audit.python_text import evaluate, mapping

_VERBS: Final = "get|head|options|post|put|patch|delete|request|stream"
_HTTP: Final = re.compile(
    rf"^(?P<lib>requests|httpx|aiohttp|urllib3)\.(?P<session>(?:sessions\.)?(?:Session|session|Client|AsyncClient|"
    rf"ClientSession|PoolManager)\(\)\.)?(?P<verb>{_VERBS})$"
)
_SESSION: Final = "requests.Session()."
# Sessions of other libraries that take what those of requests and httpx take.
_LIKE_REQUESTS: Final = re.compile(
    r"^(cloudscraper\.(create_scraper|CloudScraper)|requests_cache\.(session\.)?CachedSession|"
    r"(requests_oauthlib|authlib\.integrations\.requests_client)\.OAuth[12]Session|requests_html\.HTMLSession|"
    r"requests_toolbelt\.(sessions\.)?BaseUrlSession|cachecontrol\.CacheControl)\(\)\."
)
_LIKE_HTTPX: Final = re.compile(r"^(authlib\.integrations\.httpx_client\.\w*Client|hishel\.\w*Client)\(\)\.")
_SESSIONS: Final = ("requests.Session", "requests.sessions.Session")
_FRAMES: Final = re.compile(r"^(pandas|polars)\.(read_(csv|json|html|excel|parquet|table|xml|ndjson)|scan_\w+)$")
_READS: Final = ("get", "head", "options")
_DEEPEST: Final = 3
_MOST_CALLERS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One place that sends an HTTP request. `session` is the call that made its session; None without one."""

    module: Module
    call: ast.Call
    library: str
    verb: str
    url: ast.expr | None
    session: Ref | None = None
    limited_by_class: bool = False
    retried_by_class: bool = False
    partial: ast.Call | None = None
    run: Curl | None = None

    def asked(self, frame: Frame | None) -> Endpoint | None:
        """Return what is asked for, with the parameters that `frame` gives."""
        url = evaluate(self.module, self.url, frame)
        first = url[0] if url else ""
        absolute = isinstance(first, str) and "://" in first
        if self.session is not None and self.session.call is not None and not absolute:
            base = of_session(self.session, "base_url")
            if self.library == "http.client":
                base = of_session(self.session, "host") or next(iter(self.session.call.args), None)
            if base is None and self.library == "aiohttp" and self.session.call.args:
                base = self.session.call.args[0]
            if base is not None and self.session.module is not None:
                path = (first.lstrip("/"), *url[1:]) if isinstance(first, str) else url
                root = evaluate(self.session.module, base)
                root = joined(("https://",), root) if self.library == "http.client" else root
                end = root[-1] if root else ""
                root = (*root[:-1], end.rstrip("/")) if isinstance(end, str) else root
                url = (*root, "/", *path)
        return endpoint(joined(url), self._params(frame))

    @property
    def retrying(self) -> bool:
        """Say whether library or session class try again by themselves: urllib3 does, three times."""
        return self.library == "urllib3" or self.retried_by_class

    def _params(self, frame: Frame | None) -> dict[str, Text] | None:
        given = argument_of(self.module, self.call, "params")
        spreads = [k.value.id for k in self.call.keywords if k.arg is None and isinstance(k.value, ast.Name)]
        rest = frame.function.args.kwarg if frame is not None else None
        if given is None and frame is not None and rest is not None and rest.arg in spreads:
            # `request(method, url, **kwargs)`: what the caller of the wrapper says.
            return mapping(frame.module, argument_of(frame.module, frame.call, "params"), frame.outer)
        own, kept = mapping(self.module, given, frame), self._session_params()
        return None if own is None or kept is None else {**kept, **own}

    def _session_params(self) -> dict[str, Text] | None:
        """Return the parameters that a session adds to each request: `Client(params=...)`, `session.params = ...`."""
        if self.session is None or self.session.call is None or self.session.module is None:
            return {}
        home, made = self.session.module, self.session.call
        found = mapping(home, of_session(self.session, "params"))
        for target, value in home.parameters_set:
            if home.resolve(target.value).call is made:
                said = mapping(home, value)
                found = None if found is None or said is None else {**found, **said}
        return found

    @property
    def carries_login(self) -> bool:
        """Say whether it sends headers or a login: by itself, or by a session, whose headers may be set anywhere."""
        own = argument_of(self.module, self.call, "headers", "auth", "cookies") is not None
        wrapped = any(keyword(c, "headers") is not None for c in _calls_in(self.url, self.module))
        return own or wrapped or self.session is not None

    @property
    def callers(self) -> list[Frame | None]:
        """Return who decides what is asked, the request itself included where it may decide alone."""
        found = [frame for _, _, frame in frames(self)]
        alone = self.library != "urllib" or not any(frame is not None for frame in found)
        return [*found, None] if alone else found

    def method(self, frame: Frame | None) -> str:
        """Return the verb in small letters; empty when it is only known at run time."""
        if self.library == "urllib":
            return self._urllib_method(frame)
        if self.verb in ("request", "stream"):
            first = self.call.args[0] if self.call.args else keyword(self.call, "method")
            return (literal(evaluate(self.module, first, frame)) or "").lower()
        return self.verb

    def _urllib_method(self, frame: Frame | None) -> str:
        made = self._request_given(frame)
        if made is not None:
            return Request(module=made[0], call=made[1], library="urllib", verb="get", url=None).method(
                frame and frame.outer
            )
        calls = [self.call, *_calls_in(self.url, self.module)]
        bodies = (keyword(c, "data") or (c.args[1] if len(c.args) > 1 else None) for c in calls)
        if any(body is not None and _is_given(self.module, body, frame) for body in bodies):
            return "post"
        named = next((m for c in calls if (m := keyword(c, "method")) is not None), None)
        return (literal(evaluate(self.module, named)) or "").lower() if named is not None else "get"

    def _request_given(self, frame: Frame | None) -> tuple[Module, ast.Call] | None:
        """Return the `Request(...)` that the caller hands over, with the module it stands in."""
        if frame is None or not isinstance(self.url, ast.Name) or self.module.parameter(self.url) is not frame.function:
            return None
        given = argument(frame.function, frame.call, self.url.id)
        made = _calls_in(given, frame.module)
        return (frame.module, made[0]) if made else None


def _calls_in(node: ast.expr | None, module: Module) -> list[ast.Call]:
    value = module.value_of(node) if isinstance(node, ast.Name) else node
    return [value] if isinstance(value, ast.Call) else []


def _is_given(module: Module, body: ast.expr, frame: Frame | None) -> bool:
    """Say whether `body` is one: a parameter is what the call gives for it, or its default."""
    value = module.value_of(body) if isinstance(body, ast.Name) else body
    if isinstance(value, ast.IfExp) and is_none(value.orelse):  # `json.dumps(data).encode() if data else None`
        test = value.test.left if isinstance(value.test, ast.Compare) else value.test
        if isinstance(test, ast.Name) and module.parameter(test) is not None:
            body = test
    function = module.parameter(body) if isinstance(body, ast.Name) else None
    if function is not None and isinstance(body, ast.Name):
        call = frame.call if frame is not None and frame.function is function else ast.Call(body, [], [])
        given = argument(function, call, body.id)
        return given is not None and not is_none(given)
    return not is_none(body)


def requests_of(module: Module) -> Iterator[Request]:
    """Return every place of the file that sends an HTTP request, in order."""
    for call in module.calls:
        found = _recognise(module, call)
        if found is not None:
            yield found


def _recognise(module: Module, call: ast.Call) -> Request | None:
    ref = module.resolve(call.func)
    partial: ast.Call | None = None
    if ref.name == "functools.partial()" and ref.call is not None and ref.call.args and ref.module is not None:
        partial, ref = ref.call, ref.module.resolve(ref.call.args[0])
    name, limited = _known_class(module, _LIKE_HTTPX.sub("httpx.Client().", _LIKE_REQUESTS.sub(_SESSION, ref.name)))
    name = re.sub(r"^httpx2\.", "httpx.", name)
    matched = _HTTP.match(name)
    if matched is not None:
        verb = matched["verb"]
        place = 1 if verb in ("request", "stream") else 0
        url = call.args[place] if len(call.args) > place else keyword(call, "url")
        session = ref if matched["session"] else None
        return Request(
            module=module,
            call=call,
            library=matched["lib"],
            verb=verb,
            url=url,
            session=session,
            limited_by_class=limited,
            retried_by_class=_class_retries(module, ref.name),
            partial=partial,
        )
    run = curl(module, call)
    if run is not None:
        return Request(module=module, call=call, library="curl", verb=run.verb, url=run.url, run=run)
    if name in ("urllib.request.urlopen", "urllib.request.build_opener().open"):
        url = call.args[0] if call.args else keyword(call, "url")
        return Request(module=module, call=call, library="urllib", verb="get", url=url)
    if name in ("urllib.request.urlretrieve", "wget.download") and call.args:
        return Request(module=module, call=call, library="urlretrieve", verb="get", url=call.args[0])
    if re.match(r"^http\.client\.HTTPS?Connection\(\)\.request$", name) and len(call.args) > 1:
        return Request(module=module, call=call, library="http.client", verb="request", url=call.args[1], session=ref)
    if (_FRAMES.match(name) or name == "feedparser.parse") and call.args and _is_address(module, call.args[0]):
        return Request(module=module, call=call, library=name.split(".")[0], verb="get", url=call.args[0])
    return None


def _is_address(module: Module, node: ast.expr) -> bool:
    """Say whether what a reader of files is given is surely an address."""
    first = (*evaluate(module, node), "")[0]
    texts = (first,) if isinstance(first, str) else first.values
    return bool(texts) and all(text.startswith(("http://", "https://")) for text in texts)


def _known_class(module: Module, name: str) -> tuple[str, bool]:
    """Return `name` with a session class of this folder replaced by the class it extends; whether that sets a limit."""
    if "()." not in name:
        return name, False
    owner, _, method = name.rpartition("().")
    home, definition = module.find(owner)
    if not isinstance(definition, ast.ClassDef) or home is None:
        return name, False
    bases = [home.resolve(b).name for b in definition.bases]
    if method in home_methods(definition) and method not in ("request", "send"):
        return name, False
    base = next((b for b in bases if b in _SESSIONS), None)
    limited = any(isinstance(n, ast.Constant) and n.value == "timeout" for n in ast.walk(definition)) or any(
        k.arg == "timeout" for n in ast.walk(definition) if isinstance(n, ast.Call) for k in n.keywords
    )
    return (f"{base}().{method}", limited) if base else (name, False)


def _class_retries(module: Module, name: str) -> bool:
    """Say whether the class of this folder that a session is of mounts an adapter that tries again."""
    _, definition = module.find(name.rpartition("().")[0]) if "()." in name else (None, None)
    calls = [n for n in ast.walk(definition) if isinstance(n, ast.Call)] if definition is not None else []
    return any(k.arg == "max_retries" for c in calls for k in c.keywords)


def home_methods(definition: ast.ClassDef) -> set[str]:
    return {n.name for n in definition.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def frames(request: Request) -> list[tuple[Module, ast.Call, Frame | None]]:
    """Return where the address is decided: the request itself, or the calls of its function that fill it in."""
    decided = _sites(request, None, request.module, request.call, _decided(request, None), 0)
    return decided or [(request.module, request.call, None)]


def _sites(
    request: Request, frame: Frame | None, module: Module, call: ast.Call, known: Sequence[str] | None, depth: int
) -> list[tuple[Module, ast.Call, Frame | None]]:
    function = module.function_of(call)
    if function is None or depth >= _DEEPEST:
        return []
    found: list[tuple[Module, ast.Call, Frame | None]] = []
    for home, site in module.folder.sites(function)[:_MOST_CALLERS]:
        outer = _chain(request, frame, function, site, home)
        decided = _decided(request, outer)
        if decided is not None and decided != known:
            found += _sites(request, outer, home, site, decided, depth + 1) or [(home, site, outer)]
    return found


def _decided(request: Request, frame: Frame | None) -> Sequence[str] | None:
    """Return what of a request is known with the callers of `frame`: its address; of a login, who logs in, too."""
    asked = request.asked(frame)
    if asked is None:
        return None
    said = [asked.key]
    if asked.is_login and request.method(frame) not in _READS:
        for name in ("data", "json", "auth"):
            given = argument_of(request.module, request.call, name)
            entries = mapping(request.module, given, frame) or {}
            pair = given.elts if isinstance(given, ast.Tuple) else []
            texts = [*entries.values(), *(evaluate(request.module, part, frame) for part in pair)]
            said += [masked(text) for text in texts]
    return said


def _chain(request: Request, frame: Frame | None, function: Function, site: ast.Call, home: Module) -> Frame:
    """Put the call `site` of `function` outside the frames known so far."""
    link = Frame(function, site, home)
    if frame is None:
        return link
    outer = _chain(request, frame.outer, function, site, home) if frame.outer else link
    return Frame(frame.function, frame.call, frame.module, outer)
