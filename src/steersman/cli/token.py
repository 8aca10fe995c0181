"""`steersman token`: lease a login, for a pipe, a header, an SDK or a command."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, single
from steersman.kernel.clock import iso
from steersman.kernel.errors import Misconfigured, Rejected

TIMEOUT_S = 60.0
FORMATS = ("secret", "env", "header", "credential_process")
_AWS = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "SessionToken": "AWS_SESSION_TOKEN",
}

app = single("Lease a login that the broker keeps fresh; every lease is recorded, no secret is.")


@app.command()
def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A [provider.NAME] of steersman.toml.")],
    format_: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "secret",
    show: Annotated[bool, typer.Option("--show", help="Print it although a person is looking.")] = False,
    refused: Annotated[
        str, typer.Option("--refused", metavar="LEASE_ID", help="A lease that the API just answered with 401.")
    ] = "",
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Behind --exec: run this with the login in NAME_TOKEN."),
    ] = None,
    exec_: Annotated[bool, typer.Option("--exec", help="All that follows is a command.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Print a lease of NAME: the bare secret, or as --format says. A terminal is told nothing without --show.

    Examples: `curl -H "$(steersman token shop --format header)" ...`; `steersman token shop --exec ./report.sh`.
    """
    _check(format_, command, exec_=exec_, show=show)
    from steersman.bootstrap.asking import request  # `--help` needs no workspace

    fields = {"provider": name, "refused": refused}
    lease = request(directory, "token", fields, timeout_s=TIMEOUT_S)
    if command:
        _run(command, lease)
    if as_json:
        print(json.dumps(lease, indent=2))
    else:
        print(_formatted(lease, format_))


def token_app(args: Sequence[str], prog_name: str) -> None:
    """Run the command; what follows `--exec` is never taken for options of ours."""
    words = list(args)
    if "--exec" in words and "--" not in words:
        words.insert(words.index("--exec") + 1, "--")
    app(args=words, prog_name=prog_name)


def _check(format_: str, command: list[str] | None, *, exec_: bool, show: bool) -> None:
    """Refuse before anything is leased."""
    if format_ not in FORMATS:
        raise Misconfigured(f"there is no format {format_!r}", fix=f"choose one of {', '.join(FORMATS)}")
    if exec_ != bool(command):
        found = "no command" if exec_ else f"{command[0]!r}" if command else ""
        raise Misconfigured(
            f"found {found} {'after' if exec_ else 'without'} --exec", fix="steersman token NAME --exec COMMAND ..."
        )
    if not command and not show and sys.stdout.isatty():
        raise Rejected(
            "a secret is not printed on a terminal",
            fix="pipe it, use --exec COMMAND, or say --show; nothing was leased",
        )


def _formatted(lease: dict[str, Any], format_: str) -> str:
    if format_ == "header":
        return f"{lease['header']}: {' '.join(part for part in (lease['scheme'], lease['secret']) if part)}"
    if format_ == "env":
        return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables(lease).items())
    if format_ == "credential_process":
        return json.dumps(_credential_process(lease))
    return str(lease["secret"])


def variables(lease: dict[str, Any]) -> dict[str, str]:
    """Return a lease as environment variables: NAME_TOKEN, and NAME_<FIELD> or AWS's own names for its parts."""
    prefix = re.sub(r"[^A-Z0-9]", "_", lease["provider"].upper())
    # A name that begins with a digit is none, and the shell's complaint about it would quote the secret.
    prefix = f"_{prefix}" if prefix[:1].isdigit() else prefix
    parts = {_AWS.get(k, f"{prefix}_{re.sub('[^A-Z0-9]', '_', k.upper())}"): v for k, v in lease["fields"].items()}
    return {f"{prefix}_TOKEN": lease["secret"], f"{prefix}_EXPIRES_AT": iso(lease["expires_at"]), **parts}


def _credential_process(lease: dict[str, Any]) -> dict[str, object]:
    """Return what AWS-style SDKs read from their setting `credential_process`.

    Source: AWS SDKs and Tools Reference Guide, "Process credential provider", version 1.
    """
    found = {name: lease["fields"][name] for name in _AWS if name in lease["fields"]}
    if not {"AccessKeyId", "SecretAccessKey"} <= set(found):
        raise Misconfigured(
            f"{lease['provider']} is no AWS-style login: it has no AccessKeyId and SecretAccessKey",
            fix="use --format secret, header or env",
        )
    return {"Version": 1, **found, "Expiration": iso(lease["expires_at"])}


def _run(command: Sequence[str], lease: dict[str, Any]) -> None:
    """Become the command; its environment carries the lease, its exit code is ours."""
    sys.stdout.flush()
    try:
        os.execvpe(command[0], list(command), {**os.environ, **variables(lease)})  # noqa: S606 - no shell is wanted
    except OSError as exc:
        raise Misconfigured(f"{command[0]} cannot be run: {exc.strerror}", fix="correct the command") from exc
