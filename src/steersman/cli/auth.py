"""`steersman auth`: log in once for all scripts; see how logins do; log out; change the key that seals them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from steersman.cli import auth_key
from steersman.cli.auth_broker import opened_broker
from steersman.cli.auto_words import local
from steersman.cli.context import HERE, AsJson, Dir, noun
from steersman.cli.output import console, emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.clock import iso
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.services.credentials.broker import Broker
    from steersman.services.credentials.login.device import Prompt
    from steersman.services.credentials.places import KeyPlace
    from steersman.services.credentials.queries import ProviderUse, ScriptUse
    from steersman.services.credentials.slot import Slot
    from steersman.services.ports import ProviderStatus

app = noun("Log in once for all scripts: login, status, logout, rotate, key.")
app.add_typer(auth_key.app, name="key", short_help="Carry the keys that seal logins to another machine.")
_LARGEST_BYTES = 65_536
_WORDS = {"ready": "ready", "idle": "idle", "login_required": "log in", "failing": "failing"}
Provider = Annotated[str, typer.Argument(help="As declared: [provider.NAME] in steersman.toml.", metavar="NAME")]
Flow = Literal["pkce", "device", "paste", "none"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `auth status` says; `shared_in` is where logins lie that several machines have in common."""

    providers: list[ProviderStatus]
    usage: list[ProviderUse]
    scripts: list[ScriptUse]
    key: KeyPlace
    shared_in: str = ""
    shared_problem: str = ""


@app.command(short_help="Log in, keep it sealed, and try it.")
def login(
    name: Provider,
    device: Annotated[bool, typer.Option("--device", help="Log in on another device, with a code.")] = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read a refresh token or API key from standard input.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address; open nothing.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for the browser.")] = 300.0,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Log in to NAME and keep the login sealed; then fetch a token, to see that it works."""
    with opened_broker(directory) as (_, broker):
        slot = broker.slot(name)
        flow = _flow(slot, device=device, stdin=stdin)
        if flow != "none":
            broker.check_sealable(name)
        lease = None
        if flow == "paste":
            lease = broker.paste_and_try(name, _typed(name, stdin=stdin))
        elif flow == "device":
            _on_device(broker, slot)
        elif flow == "pkce":
            _in_browser(broker, slot, opens=not no_browser, timeout_s=timeout)
        else:
            broker.forgive(name)
        lease = lease or broker.lease(name, who="person:cli")
        place = broker.key_place()
    done = {"provider": name, "flow": flow, "expires_at": iso(lease.expires_at), "sealed_with": place.place}
    emit(as_json, done, lambda: say(f"{name}: logged in, and a token came. Next: steersman token {name}"))


@app.command(short_help="How every login is, and what sharing saved.")
def status(
    scripts: Annotated[bool, typer.Option("--scripts", help="Who uses which login, too.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show every declared login: does it work, until when, how often it was used, what sharing saved."""
    with opened_broker(directory) as (desk, broker):
        report, tz = _report(desk, broker), desk.workspace.desk.tz
    if as_json:
        emit(as_json, report, lambda: None)
        return
    _show(report, tz, scripts=scripts)


@app.command(short_help="Delete a login and tell the provider.")
def logout(
    name: Provider,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Delete what is stored for NAME and tell the provider, where it can be told. Scripts stop getting tokens."""
    with opened_broker(directory) as (_, broker):
        slot = broker.slot(name)
        if not yes:
            _confirm(f"Log out of {name}? Scripts that use it get no token until somebody logs in again.", name)
        had = slot.stored
        revoked = broker.logout(name)
    told = "and the provider agreed" if revoked else "but the provider was not told (no revoke_url), or did not agree"
    text = f"{name}: logged out, {told}" if had else f"{name}: nothing was stored"
    emit(as_json, {"provider": name, "had_login": had, "revoked": revoked}, lambda: say(text))


@app.command(short_help="Seal every login under a new key.")
def rotate(
    to: Annotated[
        str,
        typer.Option("--to", help="Move the key: keyring, file or environment (STEERSMAN_KEY).", show_default=False),
    ] = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Seal every stored login under a new key, and drop the old one."""
    if to not in ("", "keyring", "file", "environment"):
        raise Misconfigured(f"found --to {to!r}; allowed: keyring, file, environment", fix="write one of these")
    with opened_broker(directory) as (_, broker):
        shared_in = broker.shared_in
        done = broker.rotate(to=to or None)  # type: ignore[arg-type]  # checked above; mypy does not narrow str to a literal
        place = broker.key_place()
    data = {
        "from_key": done.from_key,
        "to_key": done.to_key,
        "resealed": done.resealed,
        "place": place.place,
    }
    what = "1 login" if done.resealed == 1 else f"{done.resealed} logins"

    def show() -> None:
        say(f"{what} sealed under the new key {done.to_key}; it is in {place.detail}")
        if shared_in:
            say("Next: bring it to the other machines: steersman auth key export FILE; there, key import FILE")

    emit(as_json, data, show)


def _flow(slot: Slot, *, device: bool, stdin: bool) -> Flow:
    """Return the way to log in: as asked, else the usual one of the kind.

    Raises:
        Misconfigured: this login has no such way.
    """
    flows, kind = slot.kind.flows, slot.settings.kind
    if device and stdin:
        raise Misconfigured("found --device and --stdin", fix="write one of them")
    if device and "device" not in flows:
        raise Misconfigured(f'{slot.name} (kind = "{kind}") has no device flow', fix="leave --device out")
    if stdin and "paste" not in flows:
        raise Misconfigured(f'{slot.name} (kind = "{kind}") takes no secret from a person', fix="leave --stdin out")
    if device:
        return "device"
    if stdin:
        return "paste"
    if "browser" in flows:
        # Where there is no page to open, the other device is the usual way.
        return "pkce" if getattr(slot.settings, "authorize_url", "") else "device"
    return "paste" if slot.needs_person else "none"


def _typed(name: str, *, stdin: bool) -> str:
    """Return the secret a person typed or piped in; it is never an argument, which anybody could list.

    Raises:
        Misconfigured: nothing came, or too much.
    """
    if not stdin and sys.stdin.isatty():
        import getpass  # only this way in needs it

        text = getpass.getpass(f"Token or key of {name} (not shown): ")
    elif not stdin:
        raise Misconfigured(f"{name} needs a secret from a person", fix=f"steersman auth login {name} --stdin < FILE")
    else:
        text = sys.stdin.read(_LARGEST_BYTES + 1)
    text = text.strip()
    if not text or len(text) > _LARGEST_BYTES or not (text.isascii() and text.isprintable()) or " " in text:
        raise Misconfigured(
            f"found {len(text)} characters that are no token", fix="pipe in the token alone: one word, one line"
        )
    return text


def _in_browser(broker: Broker, slot: Slot, *, opens: bool, timeout_s: float) -> None:
    from steersman.services.credentials.login import browser  # only this way in needs a server
    from steersman.services.credentials.providers.oauth2_code import OAuth2CodeSettings

    def show(address: str) -> None:
        shown = console(error=True)
        if opens and _opened(address):
            shown.print("A browser opens. If it does not, open this address yourself:", markup=False)
        else:
            shown.print("Open this address in a browser on this machine:", markup=False)
        # Not wrapped: an address cut into lines cannot be clicked or copied.
        sys.stderr.write(f"\n{address}\n\n")
        sys.stderr.flush()

    settings = msgspec.convert(slot.settings, OAuth2CodeSettings)
    fetched, asked = browser.log_in(broker.around(slot.name), settings, show=show, timeout_s=timeout_s)
    broker.logged_in(slot.name, fetched, asked, flow="pkce")


def _opened(address: str) -> bool:
    import webbrowser  # as above

    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


def _on_device(broker: Broker, slot: Slot) -> None:
    from steersman.services.credentials.login import device  # only this way in needs it
    from steersman.services.credentials.providers.oauth2_code import OAuth2CodeSettings

    def show(prompt: Prompt) -> None:
        lines = [f"Open {prompt.address} on any device and type this code:", "", f"    {prompt.code}", ""]
        if prompt.direct:
            lines.append(f"or open {prompt.direct}")
        lines.append(f"Waiting for {prompt.expires_in_s / 60:.0f} min at most.")
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()

    settings = msgspec.convert(slot.settings, OAuth2CodeSettings)
    fetched, asked = device.log_in(broker.around(slot.name), settings, show=show)
    broker.logged_in(slot.name, fetched, asked, flow="device")


def _confirm(question: str, name: str) -> None:
    if not sys.stdin.isatty():
        raise Rejected(f"not logged out of {name}: nobody was there to ask", fix="add --yes")
    if not typer.confirm(question):
        raise Rejected(f"not logged out of {name}", fix="answer y, or add --yes")


def _report(desk: Desk, broker: Broker) -> Report:
    from steersman.ledger.projections import Projector, open_reader  # only this command reads
    from steersman.services.credentials.projections import PROJECTIONS
    from steersman.services.credentials.queries import by_provider, by_script

    # What another machine did a moment ago counts here too; what cannot be used of it stands in the status.
    broker.look()
    report = Report(
        providers=broker.status(),
        usage=[],
        scripts=[],
        key=broker.key_place(),
        shared_in=broker.shared_in,
        shared_problem=broker.shared_problem,
    )
    try:
        # Only the logins' own read model is caught up: how they do must show on a busy desk at once.
        projector = Projector(desk.ledger, desk.workspace.projections, PROJECTIONS)
        try:
            projector.catch_up()
        finally:
            projector.close()
    except Unavailable as exc:
        # How logins do is what somebody asks who looks for what is wrong, for example a full disk.
        print(f"steersman: without who uses them: {exc}", file=sys.stderr)
        return report
    db = open_reader(desk.workspace.projections)
    return msgspec.structs.replace(report, usage=by_provider(db), scripts=by_script(db))


def _show(report: Report, tz: str, *, scripts: bool) -> None:
    _show_logins(report, tz)
    for row in report.providers:
        if row.problem:
            problem = row.problem.removeprefix(f"{row.provider}: ")
            say(f"{row.provider}: {problem}", f"\n  fix: {row.fix}" if row.fix else "")
    if scripts:
        say()
        list_rows(
            [("used by", "left"), ("login", "left"), ("starts", "right"), ("leases", "right"), (f"last, {tz}", "left")],
            [
                [use.who, use.provider, use.runs, use.leases, local(use.last_lease_at, tz, zone=False)]
                for use in report.scripts
            ],
            empty="no script has used a login yet",
        )
    if report.shared_in:
        say(f"shared with the other machines through {report.shared_in}")
    if report.shared_problem:
        say(f"  which cannot be reached: {report.shared_problem}; good tokens are leased meanwhile")
    if report.providers:
        say(f"sealed with a key in {report.key.detail}" + ("" if report.key.chosen else " (made at the first login)"))
        if report.key.warning:
            say(f"  {report.key.warning}")


def _show_logins(report: Report, tz: str) -> None:
    saved = {use.provider: use.logins_saved for use in report.usage}
    numbers = [(heading, "right") for heading in ("leases", "fetched", "saved")]
    list_rows(
        [("login", "left"), ("kind", "left"), ("", "left"), (f"until, {tz}", "left"), *numbers],
        [
            [
                row.provider,
                row.kind,
                _WORDS[row.state],
                "-" if row.expires_at is None else local(row.expires_at, tz, zone=False),
                row.leases,
                row.refreshes,
                saved.get(row.provider, 0),
            ]
            for row in report.providers
        ],
        empty="no logins are declared: add [provider.NAME] with kind = ... to steersman.toml",
    )
