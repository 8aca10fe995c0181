"""What steersman.toml must say before an edit works: text to paste, with what only the operator knows left open."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from steersman.automation.audit.facts import Shared


def named(stem: str, taken: Collection[str]) -> str:
    """Return a name for a provider, pull or automation made from `stem`, unlike any of `taken`."""
    base = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_") or "shared"
    base = (base if base[0].isalpha() else f"the_{base}")[:32]
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def provider(name: str, login: Shared) -> str:
    if login.kind == "oauth2" and re.search(r"(?i)(log-?in|sign-?in|sessions?|authenticate)$", login.url):
        return (
            f'[provider.{name}]\nkind = "exec"   # no OAuth 2.0: a command of yours logs in, once for all\n'
            f'command = ["automations/{name}_login.py"]   # asks {login.url}, prints the token\n'
        )
    if login.kind == "oauth2":
        return (
            f'[provider.{name}]\nkind = "oauth2_client"   # or what this login is: see `steersman auth`\n'
            f'token_url = {_quoted(login.url)}\nclient_id = "env:{_variable(name)}_CLIENT_ID"\n'
            f'client_secret = "env:{_variable(name)}_CLIENT_SECRET"\n'
        )
    return secret_provider(name)


def secret_provider(name: str) -> str:
    return f'[provider.{name}]\nkind = "api_key"\nkey = "env:{_variable(name)}_SECRET"\n'


def pull(name: str, shared: Shared) -> str:
    ttl = "1m" if shared.kind else "15m"
    params = ", ".join(f'{hole} = {{ type = "text" }}' for hole in shared.holes)
    return (
        f'[pull.{name}]\nurl = {_quoted(shared.url)}\nformat = "bytes"   # as it comes\n'
        f'ttl = "{ttl}"   # how old it may be\n'
        + (f"params = {{ {params} }}\n" if params else "")
        + '# provider = "..."   # where it needs a login; headers = { ... } where it needs others\n'
    )


def check(name: str) -> str:
    return f'[automation.{name}]\nrun = "automations/{name}.py"   # exits 1 when the answer is no\n'


def retries(automations: Iterable[str], file: str) -> str:
    """Return the declaration that lets a failed run be repeated."""
    names = list(automations)
    if not names:
        stem = named(file.rpartition("/")[2].rpartition(".")[0], ())
        return f'[automation.{stem}]\nrun = "{file}"\nretries = 2\n'
    return "\n".join(f"[automation.{name}]\nretries = 2   # add this line\n" for name in names)


def _variable(name: str) -> str:
    return name.upper()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
