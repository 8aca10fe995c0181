"""Logins in Python: token requests, and the constructors and methods of SDKs that take credentials."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from steersman.automation.audit.endpoints import UNKNOWN, Endpoint, Hole, Text, domain, literal, masked
from steersman.automation.audit.facts import Change, Renamed, Shared
from steersman.automation.audit.python_calls import keyword
from steersman.automation.audit.python_edits import client_name, login_change, replace
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_requests import Request
from steersman.automation.audit.python_tables import argument_of, table
from steersman.automation.audit.python_text import evaluate, overridden
from steersman.automation.audit.secret_shapes import promises_secret

_SDKS: Final = re.compile(
    r"^(tweepy\.(Client|OAuth\w*Handler)|slack_sdk\.(web\.)?(WebClient|async_client\.AsyncWebClient)|"
    r"spotipy\.(client\.)?Spotify|alpaca\.[\w.]*Client|alpaca_trade_api\.(rest\.)?REST|ccxt\.(\w+\.)?\w+|"
    r"boto3\.(client|resource|Session|session\.Session)|psycopg2?\.connect|asyncpg\.(connect|create_pool)|"
    r"pymysql\.connect|MySQLdb\.connect|mysql\.connector\.connect|sqlalchemy\.create_engine|pymongo\.MongoClient|"
    r"paramiko\.(client\.)?SSHClient\(\)\.connect|"
    r"smtplib\.SMTP(_SSL)?\(\)\.login|imaplib\.IMAP4(_SSL)?\(\)\.login|ftplib\.FTP(_TLS)?\(\)\.login|"
    r"ftplib\.FTP(_TLS)?|"
    r"(authlib\.integrations\.\w+|requests_oauthlib|authlib\.\w+)\.\w*OAuth2?(Session|Client)\(\)\.fetch_token|"
    r"google\.oauth2\.service_account\.Credentials\.from_service_account_(file|info))$"
)
_CREDENTIAL: Final = re.compile(
    r"(?i)^(api_?key|api_?secret|secret(_?key)?|key|key_id|token|access_token(_secret)?|consumer_(key|secret)|"
    r"client_(id|secret)|bearer_token|password|passwd|user|username|aws_access_key_id|aws_secret_access_key|"
    r"aws_session_token|auth_manager|auth|oauth_manager|dsn|conninfo|host|dbname|database|consumer_secret)$"
)
_SECRET: Final = re.compile(
    r"(?i)^(api_?secret|secret(_?key)?|token|bearer_token|password|passwd|client_secret|aws_secret_access_key)$"
)
_POSITIONS: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = (
    (re.compile(r"\.login$"), ("user", "password")),
    (re.compile(r"^ftplib\.FTP(_TLS)?$"), ("host", "user", "passwd")),
    (re.compile(r"^alpaca"), ("key_id", "secret_key")),
    (re.compile(r"^slack"), ("token",)),
    (re.compile(r"^google"), ("file",)),
    (re.compile(r"^paramiko"), ("host", "port", "username", "password")),
    (re.compile(r"^(pymysql|MySQLdb)"), ("host", "user", "password", "database")),
    (re.compile(r"connect$|create_pool$|create_engine$|MongoClient$"), ("dsn",)),
)
_NO_LOGIN: Final = frozenset(("cryptography", "Crypto", "jwt", "nacl", "itsdangerous", "jose", "joserfc"))
_GENERIC: Final = frozenset(("api_key", "apikey", "api_secret", "access_token", "client_secret", "secret_key"))
_WHERE: Final = ("host", "account", "base_url", "server", "endpoint_url", "api_base_url")
_VERBS: Final = ("login", "log_in", "authenticate", "sign_in", "connect", "service_account", "authorize")
_HTTP: Final = re.compile(r"^(requests|httpx2?|aiohttp|urllib3)$")
_PART_OF_A_LOGIN: Final = re.compile(r"(Credentials?|Auth|Manager|Provider|Config|Settings|Params|Request)$")
_DEEPEST: Final = 8


def request_login(request: Request, asked: Endpoint, module: Module, call: ast.Call) -> Shared:
    """Return the login that a token request is; `call` in `module` decides its address."""
    client_id, variable = _client(request, module)
    return Shared(
        place=module.place(call),
        key=f"http {asked.key.partition('?')[0]}",
        shown=f"the login at {asked.shown.partition('?')[0]}",
        stem=domain(asked.host),
        url=asked.shown.partition("?")[0],
        looped=module.looped(call),
        change=lambda name, _holes: login_change(module, call, name),
        kind="oauth2",
        client_id=client_id,
        secret_variable=variable,
        overridden=overridden(request.module, asked.shown),
    )


def _client(request: Request, module: Module) -> tuple[str, str]:
    """Return the client's id and the environment variable with its secret, where the script says them plainly."""
    pair: list[ast.expr | None] = []
    auth = keyword(request.call, "auth")
    if isinstance(auth, ast.Tuple) and len(auth.elts) == 2:
        pair = [*auth.elts]
    elif isinstance(auth, ast.Call) and len(auth.args) == 2:  # HTTPBasicAuth(id, secret)
        pair = [*auth.args]
    for body in (keyword(request.call, "data"), keyword(request.call, "json")):
        if isinstance(body, ast.Dict):
            said = {k.value: v for k, v in zip(body.keys, body.values, strict=True) if isinstance(k, ast.Constant)}
            pair = pair or [said.get("client_id"), said.get("client_secret")]
    if pair:
        return _id_and_variable(*(evaluate(request.module, part) for part in pair))
    # `id:secret`, as it is encoded for the header of Basic authentication.
    for node in module.nodes:
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            match evaluate(module, node):
                case (str() as name, Hole(env=True) as hole) if re.fullmatch(r"[\w.@-]+:", name):
                    return _id_and_variable((name.removesuffix(":"),), (hole,))
    return "", ""


def _id_and_variable(client_id: Text, secret: Text) -> tuple[str, str]:
    known = "" if client_id == UNKNOWN else literal(client_id) or ""
    match secret:
        case (Hole(env=True, name=name),) if name.isidentifier():
            return known, name
    return known, ""


def sdk_logins(module: Module) -> Iterator[Shared]:
    """Return the logins that are made through a library."""
    for call in module.calls:
        name = module.resolve(call.func).name
        given = _credentials(module, call, name)
        if given is None:
            continue
        library = name.split(".")[0]
        identity, where = _identity(module, call, name, given)
        yield Shared(
            place=module.place(call),
            key=identity,
            shown=f"the login through {name.replace('()', '')}" + (f" to {where}" if where else ""),
            stem=domain(where) if where and library in ("smtplib", "imaplib", "ftplib") else _stem(name),
            looped=module.looped(call),
            change=_change(module, given),
            kind="api_key",
        )


def _stem(name: str) -> str:
    parts = name.replace("()", "").split(".")
    return (
        parts[-1].lower()
        if parts[0] == "ccxt"
        else {"psycopg": "postgres", "psycopg2": "postgres"}.get(parts[0], parts[0])
    )


def _credentials(module: Module, call: ast.Call, name: str) -> dict[str, ast.expr] | None:
    """Return what is handed over to log in, by its name; None when `call` is no login."""
    known = bool(_SDKS.match(name))
    given = {k.arg: k.value for k in call.keywords if k.arg and _CREDENTIAL.match(k.arg)}
    for spread in (k.value for k in call.keywords if k.arg is None):
        given |= {n: v for n, v in (table(module, spread) or {}).items() if _CREDENTIAL.match(n)}
        if known and not given and isinstance(spread, ast.Name | ast.Attribute | ast.Subscript):
            given["auth"] = spread  # all of it is kept somewhere else, under one name
    if not known:
        return _by_name(module, call, name, given)
    for pattern, names in _POSITIONS:
        if pattern.search(name):
            given |= dict(zip(names, call.args, strict=False))
            break
    if name.startswith("ccxt.") and call.args and isinstance(call.args[0], ast.Dict):
        entries = zip(call.args[0].keys, call.args[0].values, strict=True)
        named = {str(k.value): v for k, v in entries if isinstance(k, ast.Constant)}
        given |= {k: v for k, v in named.items() if _CREDENTIAL.match(k)}
    if re.fullmatch(r"ftplib\.FTP(_TLS)?", name) and "user" not in given:
        return None  # it logs in later, if at all
    if name.startswith("boto3") and not any("key" in k for k in given):
        return None  # the ambient chain of AWS is shared already
    dsn = literal(evaluate(module, given["dsn"])) if "dsn" in given else None
    if dsn is not None and "://" in dsn and "@" not in dsn and not any(_SECRET.match(n) for n in given):
        return None  # a file, or a server that asks nobody who they are
    return given or None


def _by_name(module: Module, call: ast.Call, name: str, given: dict[str, ast.expr]) -> dict[str, ast.expr] | None:
    """Return what is handed over to a library that is not known, where names say that it is a login."""
    package, last = name.partition(".")[0], name.rpartition(".")[2]
    imported = {a.partition(".")[0] for a in module.aliases.values()} - set(module.folder.modules)
    if package not in imported or package in _NO_LOGIN or package in sys.stdlib_module_names or _HTTP.match(package):
        return None
    given |= {k.arg: k.value for k in call.keywords if k.arg in _WHERE}
    handed = {**given, **{f"{n}": a for n, a in enumerate(call.args)}}
    handed |= {k.arg: k.value for k in call.keywords if k.arg and promises_secret(_called(module, k.value))}
    plainly = any(promises_secret(_called(module, a)) for a in handed.values()) or any(
        _SECRET.match(k) and not isinstance(v, ast.Constant) for k, v in given.items()
    )
    if last in _VERBS:  # `client.login(user, password)`, `snowflake.connector.connect(password=...)`
        return handed if plainly or bool(_GENERIC & set(given)) else None
    if "()" in name or not last[:1].isupper() or _PART_OF_A_LOGIN.search(last):
        return None
    generic = bool(_GENERIC & set(given))
    return (given if generic else handed) if generic or plainly else None


def key_settings(module: Module) -> Iterator[Shared]:
    """Return the logins that a library is told once for all: `stripe.api_key = os.environ["STRIPE_KEY"]`."""
    for node in module.nodes:
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name() as owner, attr=attr) as target], value=value):
                library = module.resolve(owner).name
                imported = library in module.aliases.values() and library not in module.folder.modules
                if imported and attr.lower() in _GENERIC and library.partition(".")[0] not in sys.stdlib_module_names:
                    yield Shared(
                        place=module.place(target),
                        key=f"{library.partition('.')[0]} {_print(module, value)}",
                        shown=f"the login through {library}.{attr}",
                        stem=_stem(library),
                        looped=module.looped(node),
                        change=_change(module, {"api_secret": value}),
                        kind="api_key",
                    )


def _called(module: Module, node: ast.expr) -> str:
    """Return the name of a variable, of the program or its environment, that is handed over."""
    match evaluate(module, node):
        case (Hole(env=True, name=name),):
            return name
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _identity(module: Module, call: ast.Call, name: str, given: dict[str, ast.expr]) -> tuple[str, str]:
    """Return what equal logins have in common, and where they log in (empty if that is not seen)."""
    library = name.partition(".")[0]
    if library in _DATABASES:
        return _database(module, given)
    if library == "paramiko":
        machine = _plain(module, given.get("host"))
        return f"paramiko {machine} {_print(module, given.get('username') or given.get('user'))}", machine
    if library in ("smtplib", "imaplib", "ftplib"):
        made = module.resolve(call.func).call
        home = module.resolve(call.func).module
        host = literal(evaluate(home, _first(home, made))) if made is not None and home is not None else None
        return f"{library} {host} {_print(module, given.get('user'))}", host or ""
    # Whatever of a library is made with them, and in whatever order: equal credentials are one login.
    secret = {k: v for k, v in given.items() if _SECRET.match(k) or promises_secret(_called(module, v))}
    who = secret or {k: v for k, v in given.items() if _CREDENTIAL.match(k)} or given
    prints = {_print(module, v) for v in who.values()} | {_print(module, v) for k, v in given.items() if k in _WHERE}
    exchange = name.replace("()", "").rpartition(".")[2] if library == "ccxt" else ""
    return " ".join([library, *([exchange] if exchange else []), *sorted(prints)]), ""


def _first(home: Module, made: ast.Call) -> ast.expr | None:
    """Return the host a connection is made to: the argument named so, the first, or the first of a tuple `*SERVER`."""
    first = argument_of(home, made, "host") or (made.args[0] if made.args else None)
    if isinstance(first, ast.Starred):
        value = home.value_of(first.value) if isinstance(first.value, ast.Name) else first.value
        return value.elts[0] if isinstance(value, ast.Tuple | ast.List) and value.elts else None
    return first


def _database(module: Module, given: dict[str, ast.expr]) -> tuple[str, str]:
    dsn = next((given[k] for k in ("dsn", "conninfo") if k in given), None)
    if dsn is None:
        parts = [_plain(module, given.get(k) or given.get(other)) for k, other in _DATABASE_PARTS]
        return "postgres " + " ".join(parts), parts[0]
    text = masked(evaluate(module, dsn))
    if "://" not in text:
        return f"postgres {_print(module, dsn)}", ""
    try:
        url = urlsplit(text)
        host, user = url.hostname or "", url.username or ""
    except ValueError:
        return f"postgres {_print(module, dsn)}", ""
    return f"postgres {host} {url.path.lstrip('/')} {user}", host


_DATABASES: Final = ("psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "mysql", "sqlalchemy", "pymongo")
_DATABASE_PARTS: Final = (("host", "host"), ("dbname", "database"), ("user", "username"))


def _plain(module: Module, node: ast.expr | None) -> str:
    return masked(evaluate(module, node)) if node is not None else ""


def _print(module: Module, node: ast.expr | None, depth: int = 0) -> str:
    """Return a text that is equal for equal credentials, and that shows none."""
    if node is None or depth > _DEEPEST:
        return "?"
    if isinstance(node, ast.Name) and (value := module.value_of(node)) is not None:
        return _print(module, value, depth + 1)
    if isinstance(node, ast.Call) and module.resolve(node.func).name not in ("os.getenv", "os.environ.get"):
        parts = [_print(module, a, depth + 1) for a in node.args]
        parts += [f"{k.arg}={_print(module, k.value, depth + 1)}" for k in node.keywords if k.arg]
        return f"{module.resolve(node.func).name}({', '.join(parts)})"
    text = evaluate(module, node)
    fixed = literal(text)
    if fixed is not None:
        return "literal:" + hashlib.sha256(fixed.encode()).hexdigest()[:12]
    envs = [p.name for p in text if not isinstance(p, str) and p.env]
    return f"env:{envs[0]}" if len(text) == 1 and envs else f"expression:{module.text(node)}"


def _change(module: Module, given: dict[str, ast.expr]) -> Renamed:
    """Return the change that leases the one secret among what is handed over."""
    secrets = [node for name, node in given.items() if _SECRET.match(name)]

    def change(name: str, _holes: tuple[str, ...]) -> Change:
        if len(secrets) != 1:
            why = "it takes several secrets" if secrets else "its secret is not handed over here"
            return Change(why_not=f"{why}: which of them the provider leases is for you to say")
        if secrets[0] not in module.parents:
            return Change(why_not="its secret is kept in another file")
        function, imported = client_name(module, "token")
        return Change(edits=(replace(module, secrets[0], f'{function}("{name}").secret'),), client=(imported,))

    return change
