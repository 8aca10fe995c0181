"""`[provider.NAME]`: what is refused says where, what was found and what is allowed, and quotes no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_credentials import providers

from steersman.kernel.errors import Misconfigured
from steersman.services.credentials.providers import kind_named, kinds

OAUTH = 'token_url = "https://id.example.com/token"\nclient_id = "desk"\n'
SECRET = "hunter2-never-shown"


def table(kind: str, more: str = "") -> str:
    return f'\n[provider.acme]\nkind = "{kind}"\n{more}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            table("oauth2_client", OAUTH + f'client_secret = "{SECRET}"'),
            "steersman.toml:6: provider.acme.client_secret: found 19 characters",
        ),
        (
            table("oauth2_client", OAUTH + "client_secret = 4711"),
            "provider.acme.client_secret: found no text; allowed: a reference",
        ),
        (
            table("oauth2_client", OAUTH + f'secret_params = {{ pin = "{SECRET}" }}'),
            "provider.acme.secret_params.pin: found 19",
        ),
        (
            table("oauth2_client", OAUTH + f'params = {{ password = "{SECRET}" }}'),
            "provider.acme.params.password: found a parameter",
        ),
        (
            table("oauth2_client", OAUTH + f'token = "{SECRET}"'),
            "unknown field; allowed here: kind, lease, timeout, shared, token_url",
        ),
        (
            table("oauth2_refresh", OAUTH + f'refresh_token = "{SECRET}"'),
            "provider.acme.refresh_token: found 19 characters",
        ),
        (table("api_key", f'key = "{SECRET}"'), "provider.acme.key: found 19 characters"),
        (table("api_key", f'[provider.acme.fields]\nid = "{SECRET}"'), "provider.acme.fields.id: found 19"),
        (table("resolver", f'reference = "{SECRET}"'), "provider.acme.reference: found 19 characters without a scheme"),
        (f'[provider]\nacme = "{SECRET}"', "provider.acme: found a value; allowed: a table"),
        (f'provider = "{SECRET}"', "provider: found no table"),
        (
            table("oauth2"),
            "steersman.toml:3: provider.acme.kind: found 'oauth2'; allowed: api_key, exec, oauth2_client",
        ),
        ("[provider.acme]\nlease = '1m'", "`kind` is missing"),
        (table("oauth2_client", 'client_id = "x"'), "`token_url` is missing"),
        (
            table("oauth2_client", 'client_id = "x"\ntoken_url = "http://id.example.com"'),
            "token_url: found http to id.example.com",
        ),
        (
            table("oauth2_client", f'client_id = "x"\ntoken_url = "https://me:{SECRET}@id.example.com"'),
            "found a user name or password",
        ),
        (table("oauth2_client", OAUTH + 'auth = "basic"'), "auth: found 'basic' without client_secret"),
        (table("oauth2_client", OAUTH + 'lease = "2h"'), "lease: found 2h, allowed: 1 s to 3600 s"),
        (table("oauth2_client", OAUTH + 'timeout = "soon"'), "is not a span"),
        (table("oauth2_code", OAUTH), "found neither authorize_url nor device_url"),
        (
            table("oauth2_code", OAUTH + 'authorize_url = "https://a.example.com"\nredirect_port = 80'),
            "redirect_port: found 80",
        ),
        (table("exec", "command = []"), "command: found no command"),
        (table("resolver", 'reference = "op://a/b"\ncommand = ["op"]'), "command: found no {reference}"),
        (table("api_key", 'header = "X Key"'), "header: found no name of an HTTP header"),
        ('[provider."../x"]\nkind = "api_key"', "a name is letters, digits"),
    ],
)
def test_what_may_not_be_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        providers(text, tmp_path)
    assert said in caught.value.message
    assert SECRET not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/token", "http://localhost/token", "http://[::1]/token"])
def test_this_machine_needs_no_https(url: str, tmp_path: Path) -> None:
    assert providers(table("oauth2_client", f'client_id = "x"\ntoken_url = "{url}"'), tmp_path)["acme"]


def test_no_secret_is_looked_up_when_settings_are_read(tmp_path: Path) -> None:
    found = providers(table("oauth2_client", OAUTH + 'client_secret = "file:not-there"'), tmp_path)
    assert found["acme"].lease_s == 60


def test_every_file_of_the_folder_is_a_kind() -> None:
    assert kinds() == ("api_key", "exec", "oauth2_client", "oauth2_code", "oauth2_refresh", "resolver")
    assert all(kind_named(name).settings.__struct_fields__ for name in kinds())
