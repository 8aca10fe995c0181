"""Find the noun, import its file, hand it the rest. `--help` imports nothing, so it costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

from steersman import __version__
from steersman.kernel.errors import Misconfigured, SteersmanError, Unavailable

NOUNS: Final[dict[str, tuple[str, str]]] = {
    "init": ("workspace", "make a workspace: a commented steersman.toml and its folders"),
    "demo": ("demo", "run the sample desk: bars, signals, scripts, drafts, one page"),
    "up": ("up", "start the core and the desk and keep them running"),
    "status": ("status", "what runs, what waits, what is halted"),
    "doctor": ("doctor", "explain what is missing; prove safety: --kill N, --publish-kill N"),
    "bench": ("bench", "measure against the targets"),
    "halt": ("halt", "stop orders: all, a venue, a strategy or an instrument"),
    "resume": ("resume", "re-arm what was halted; only a person can"),
    "signal": ("signal", "every signal, and what each check said to it"),
    "replay": ("replay", "what other limits would have done to recorded signals"),
    "order": ("order", "list, show, cancel and replace orders"),
    "reconcile": ("reconcile", "compare the ledger with the venues, and settle differences"),
    "venue": ("venue", "where orders go; arm what trades real money"),
    "journal": ("journal", "every decision and round trip, with its reasons"),
    "auto": ("auto", "automations: list, run, logs, graph; adopt and audit scripts"),
    "token": ("token", "lease a login that the broker keeps fresh"),
    "auth": ("auth", "log in once for all scripts: login, status, logout"),
    "pull": ("pull", "shared data, asked for once and checked once"),
    "notify": ("notify", "who is told when something breaks: test, list, preview"),
    "serve": ("serve", "serve logins and data to scripts, without the rest of the desk"),
    "content": ("content", "drafts: check, review, schedule, publish, measure"),
    "ai": ("ai", "language models: which, what they cost today, what is remembered"),
    "kpi": ("kpi", "the numbers, from the ledger"),
    "policy": ("policy", "limits in force: list, show, history"),
    "inbox": ("inbox", "what waits for a person: approve or deny"),
    "ledger": ("ledger", "tail, verify, query and export the event store"),
}
GROUPS: Final = {
    "start": ("init", "demo", "up", "status", "doctor", "bench"),
    "trade": ("signal", "inbox", "order", "halt", "resume", "venue", "reconcile", "journal", "replay"),
    "run": ("auto", "token", "auth", "pull", "notify", "serve"),
    "write": ("content", "ai"),
    "know": ("kpi", "policy", "ledger"),
}


def usage() -> str:
    """Return the page `steersman --help` prints."""
    lines = [
        f"steersman {__version__}: one loop for trading, scripts and publishing",
        "",
        "usage: steersman NOUN [ARGUMENTS] [--json] [--dir WORKSPACE]",
        "",
    ]
    for group, nouns in GROUPS.items():
        lines.append(f"{group}:")
        lines += [f"  {noun:<9} {NOUNS[noun][1]}" for noun in nouns]
    lines += ["", "`steersman NOUN --help` explains one. Exit: 0 done, 1 said no, 2 wrong usage."]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        sys.exit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        print(f"steersman {__version__}")
        sys.exit(0)
    sys.exit(run(arguments[0], arguments[1:]))


def run(noun: str, arguments: Sequence[str]) -> int:
    """Run one noun and return its exit code; our own errors are printed with their fix."""
    try:
        _dispatch(noun, arguments)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except SteersmanError as exc:
        _complain(exc, as_json="--json" in arguments)
        return 2 if isinstance(exc, Misconfigured) else 1
    except BrokenPipeError:
        # The reader of our output (head, less) went away: nothing is wrong.
        sys.stderr.close()
        return 0
    except OSError as exc:
        # A full disk, a folder that is not there, no permission: the operator's to mend, and no news for a traceback.
        where = f"{exc.filename}: " if exc.filename else ""
        error = Unavailable(f"{where}{exc.strerror or exc}", fix="see that the path is right, writable and not full")
        _complain(error, as_json="--json" in arguments)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _dispatch(noun: str, arguments: Sequence[str]) -> None:
    if noun not in NOUNS:
        import difflib  # only a typo needs it

        near = difflib.get_close_matches(noun, NOUNS, n=1)
        hint = f"did you mean `steersman {near[0]}`?" if near else "`steersman --help` lists the nouns"
        raise Misconfigured(f"there is no command {noun!r}", fix=hint)
    module = importlib.import_module(f"steersman.cli.{NOUNS[noun][0]}")
    app = getattr(module, f"{noun}_app", None) or module.app
    app(args=list(arguments), prog_name=f"steersman {noun}")


def _complain(error: SteersmanError, *, as_json: bool) -> None:
    if as_json:
        import json  # only a failing --json call needs it

        body = {"error": type(error).__name__, "message": error.message, "fix": error.fix}
        print(json.dumps(body))
    print(f"steersman: {error}", file=sys.stderr)
