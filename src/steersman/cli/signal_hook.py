"""`steersman signal schema` and `steersman signal hook`: what to send, and where to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.context import HERE, AsJson, Dir
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from steersman.bootstrap.workspace import Workspace

MESSAGE: Final = {
    "ticker": "{{exchange}}:{{ticker}}",
    "action": "{{strategy.order.action}}",
    "contracts": "{{strategy.order.contracts}}",
    "order_id": "{{strategy.order.id}}",
    "market_position": "{{strategy.market_position}}",
    "market_position_size": "{{strategy.market_position_size}}",
    "close": "{{close}}",
    "time": "{{time}}",
    "timenow": "{{timenow}}",
    "interval": "{{interval}}",
}
"""What an alert on a strategy says, beside the secret; filled in by TradingView."""


def schema(as_json: AsJson = False) -> None:
    """Show the fields of a signal; with --json its JSON Schema."""
    from steersman.trading.sources import schema as signals  # `--help` needs no domain

    def render() -> None:
        rows = [list(row) for row in signals.table()]
        list_rows([("field", "left"), ("needed", "left"), ("meaning", "left")], rows, empty="")
        say('numbers: 12.5 or "12.5", taken exactly; at most nine decimals and a billion')

    emit(as_json, signals.json_schema(), render)


def hook(
    strategy: Annotated[str | None, typer.Argument(help="The strategy whose alerts come by webhook.")] = None,
    api: Annotated[bool, typer.Option("--api", help="Show the token of the signal API instead.")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new secret; the old one ends at once.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Make the secret of STRATEGY's webhook and print its address and the alert message to paste."""
    from steersman.bootstrap.workspace import load_workspace  # `--help` needs no workspace

    if api == (strategy is not None):
        raise typer.BadParameter("name a STRATEGY, or say --api", param_hint="STRATEGY")
    workspace = load_workspace(directory)
    workspace.state.mkdir(mode=0o700, exist_ok=True)
    if strategy is None:
        _api(workspace, rotate=rotate, as_json=as_json)
    else:
        _tradingview(workspace, strategy, rotate=rotate, as_json=as_json)


def _tradingview(workspace: Workspace, strategy: str, *, rotate: bool, as_json: bool) -> None:
    from steersman.console.token import read_or_create, renew  # as above
    from steersman.trading.sources.problem import nearest

    declared = workspace.trading.strategies
    if strategy not in declared:
        raise Rejected(
            f"no strategy {strategy!r} is declared; declared: {', '.join(declared) or 'none'}",
            fix=nearest(strategy, declared, f"add [strategy.{strategy}] to steersman.toml"),
        )
    path = workspace.hook_secret(strategy)
    secret = (renew if rotate else read_or_create)(path)
    place = f"/hooks/tradingview/{strategy}"
    hosts = workspace.console.hosts
    url = f"https://{hosts[0]}{place}" if hosts else ""
    message = {"secret": secret, **MESSAGE}

    def render() -> None:
        say("webhook URL:")
        print(f"  {url or _base(workspace) + place}")
        if not hosts:
            say(
                "TradingView reaches public hosts on port 80 or 443 only: let a tunnel with TLS end at this address, "
                'and name its host in steersman.toml: [console] hosts = ["hooks.example.com"]'
            )
        say("\nalert message (on a strategy; paste it whole):")
        print(json.dumps(message, indent=2))
        say(f"\nthe secret is kept in {path.relative_to(workspace.root)}; --rotate makes a new one")

    emit(as_json, {"url": url, "local_url": _base(workspace) + place, "message": message}, render)


def _api(workspace: Workspace, *, rotate: bool, as_json: bool) -> None:
    from steersman.console.token import read_or_create, renew  # as above

    token = (renew if rotate else read_or_create)(workspace.api_token)
    url = f"{_base(workspace)}/api/signals"

    def render() -> None:
        file = workspace.api_token.relative_to(workspace.root)
        print(f"url:    {url}\ntoken:  {token}")
        say(f"\nthe token is kept in {file}; --rotate makes a new one. Send it as a header:")
        print(f'curl {url} -H "Authorization: Bearer $(cat {file})" \\')
        print("""  -d '{"signal_id": "a1", "strategy": "NAME", "instrument": "NAME", "side": "buy", "quantity": 1}'""")

    emit(as_json, {"url": url, "token": token}, render)


def _base(workspace: Workspace) -> str:
    """Return where the desk serves now, or will."""
    from steersman.bootstrap import presence  # as above

    served = presence.find(workspace.presence)
    return served.url if served else f"http://127.0.0.1:{workspace.console.port}"
