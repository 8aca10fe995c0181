"""What steersman.toml must say before an edit works: text to paste, with what only the operator knows left open."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from typing import Final

from steersman.automation.audit.facts import Shared

_UNKNOWN: Final = "FILL-IN"


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
            f'[provider.{name}]\nkind = "oauth2_client"   # or what this login is: docs/reference/credentials.md\n'
            f"{_overridden(login)}token_url = {_address(login.url)}\nclient_id = {_quoted(login.client_id or _UNKNOWN)}"
            + ("" if login.client_id else "   # the id that the provider gave you")
            + f'\nclient_secret = "env:{login.secret_variable or f"{_variable(name)}_CLIENT_SECRET"}"\n'
        )
    return secret_provider(name)


def _address(url: str) -> str:
    """Return the address quoted; one that only a setting says is left open, with the name of the setting."""
    if "://" in url and "{" not in url:
        return _quoted(url)
    return f'"https://{_UNKNOWN}/token"   # what the scripts take from {url.strip("{}")}'


def secret_provider(name: str) -> str:
    return f'[provider.{name}]\nkind = "api_key"\nkey = "env:{_variable(name)}_SECRET"\n'


def _overridden(shared: Shared) -> str:
    return "".join(f"# where {name} is set, the scripts ask there instead\n" for name in shared.overridden)


def pull(name: str, shared: Shared, provider: str = "") -> str:
    """Return a pull's declaration; `provider` is whose login goes with it."""
    params = ", ".join(f'{hole} = {{ type = "text" }}' for hole in shared.holes)
    return (
        f'[pull.{name}]\n{_overridden(shared)}url = {_quoted(shared.url)}\nformat = "bytes"   # as it comes\n'
        'ttl = "1m"   # how old it may be: raise it where older data will do\n'
        + (f"params = {{ {params} }}\n" if params else "")
        + (
            f'provider = "{provider}"\n'
            if provider
            else '# provider = "..."   # where it needs a login; headers = { ... } where it needs others\n'
        )
    )


def check(name: str) -> str:
    return f'[automation.{name}]\nrun = "automations/{name}.py"   # exits 1 when the answer is no\n'


def retries(declared: Sequence[str], name: str, file: str) -> str:
    """Return what lets a failed run be repeated: automation `name`, or a comment for those that are `declared`."""
    if not declared:
        return f"[automation.{name}]\nrun = {_quoted(shlex.quote(file))}\nretries = 2\n"
    # A second table of that name would be refused, and with it everything that is pasted.
    return "\n".join(f"# [automation.{name}] is declared already. Add to it:\n# retries = 2\n" for name in declared)


def _variable(name: str) -> str:
    return name.upper()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
