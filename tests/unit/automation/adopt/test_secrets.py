"""Secrets in command lines: none is left, and the shell still gives the command the same words."""

from __future__ import annotations

import subprocess

import pytest

from steersman.automation.adopt.secrets import hide, is_secret

PLANTED = "hunter2hunter2"
LINES = [
    f"curl -u me:{PLANTED} https://h/x",
    f"curl --user 'me:{PLANTED}' https://h/x",
    f"curl https://me:{PLANTED}@h/x",
    f"curl 'https://h/x?a=1&api_key={PLANTED}&b=2'",
    f'curl "https://h/x?token={PLANTED}"',
    f"curl https://h/x?sig={PLANTED}",
    f'curl -H "Authorization: Bearer {PLANTED}" https://h',
    f"curl -H 'X-Api-Key: {PLANTED}' https://h",
    f"run --password {PLANTED} --x",
    f"run --password='{PLANTED} {PLANTED}' --x",
    f'run --password "{PLANTED} {PLANTED}" --x',
    f"run --api-key={PLANTED}",
    f"API_TOKEN={PLANTED} run",
    f"PGPASSWORD='{PLANTED}' pg_dump x",
    f'MYSQL_PASSWORD="{PLANTED}" dump',
    f"echo 'a `b` $c' 'https://h/x?token={PLANTED}&c=$d'",
    f"run ghp_{PLANTED}{PLANTED}",
    f"run sk-{PLANTED}{PLANTED}",
    f"psql postgresql://me:{PLANTED}@h/db -c 'select 1'",
    f"run --token {PLANTED} --secret other{PLANTED}",
]


@pytest.mark.parametrize("line", LINES)
def test_no_planted_secret_is_left(line: str) -> None:
    text, found = hide(line, prefix="RUN")
    assert PLANTED not in text
    assert found
    assert all(PLANTED not in variable + what for variable, what in found)


@pytest.mark.parametrize("line", [x for x in LINES if "=" not in x.split()[0]])
def test_the_command_gets_the_same_words_once_the_variables_are_set(line: str) -> None:
    text, found = hide(line, prefix="RUN")
    values = {variable: _value(line, text, variable) for variable, _ in found}
    before, after = _words(line, {}), _words(text, values)
    assert after == before


def _value(line: str, text: str, variable: str) -> str:
    """Return the secret that `variable` stands for: what differs between the words with and without it."""
    for old, new in zip(_words(line, {}), _words(text, {variable: "\x01"}), strict=True):
        if "\x01" in new:
            head, _, tail = new.partition("\x01")
            return old[len(head) : len(old) - len(tail)] if "\x01" not in tail else PLANTED
    raise AssertionError(f"{variable} is nowhere in {text}")


def _words(line: str, env: dict[str, str]) -> list[str]:
    script = "b() { :; }; printf '%s\\0' " + line.replace("$c", "c")
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, check=True
    )
    return done.stdout.decode().split("\0")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("PASSWORD", "x", True),
        ("DB_PASSWORD", "x", True),
        ("API_TOKEN", "x", True),
        ("apikey", "x", True),
        ("AWS_SECRET_ACCESS_KEY", "x", True),
        ("URL", f"https://me:{PLANTED}@h/", True),
        ("PLAIN", f"ghp_{PLANTED}{PLANTED}", True),
        ("PASSWORD_FILE", "x", False),
        ("TOKEN", "/run/token", False),
        ("TOKEN", "", False),
        ("PATH", "/usr/bin:/bin", False),
        ("MAILTO", "me@example.com", False),
        ("SSH_AUTH_SOCK", "x", False),
        ("URL", "https://example.com/x?page=2", False),
    ],
)
def test_a_variable_is_secret_by_name_or_by_the_form_of_its_value(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_two_secrets_get_two_variables_and_one_secret_one() -> None:
    text, found = hide("run --password aaaa --password bbbb --password aaaa", prefix="RUN")
    assert [variable for variable, _ in found] == ["RUN_PASSWORD", "RUN_PASSWORD_2", "RUN_PASSWORD"]
    assert text == 'run --password "${RUN_PASSWORD}" --password "${RUN_PASSWORD_2}" --password "${RUN_PASSWORD}"'
