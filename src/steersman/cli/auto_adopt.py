"""`steersman auto adopt`: what runs today, as a change of steersman.toml; a person accepts it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from steersman.cli.context import HERE, AsJson, Dir, noun
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, plain, say
from steersman.kernel.errors import Misconfigured, Rejected

if TYPE_CHECKING:
    from steersman.automation.adopt.candidate import Problem, Reading
    from steersman.automation.adopt.crontab import Crontab
    from steersman.automation.adopt.manifest_text import Proposed
    from steersman.automation.adopt.proposal import Proposal
    from steersman.automation.adopt.removal import Removal

_SHOWN_RUN = 24


class _Sources(TyperGroup):
    """`adopt DIR` is `adopt folder DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first and first not in self.commands and not first.startswith("-"):
            if Path(first).is_file():
                raise Misconfigured(
                    f"{first} is a file, and adopt does not guess what it holds",
                    fix=f"if it is a crontab: steersman auto adopt crontab {first}",
                )
            if not Path(first).is_dir() and "/" in first:
                raise Misconfigured(f"there is no folder {first}", fix="name a folder of scripts, crontab or systemd")
            if Path(first).is_dir():
                args = ["folder", *args]
        return super().parse_args(ctx, args)


app = noun(
    "Propose automations for what runs today: a crontab, systemd timers, or a folder of scripts (also: auto adopt DIR)."
)
app.info.cls = _Sources
Accept = Annotated[bool, typer.Option("--accept", help="Write the proposal into steersman.toml; asks first.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Enable = Annotated[bool, typer.Option("--enable", help="Propose enabled = true, where nothing must be done first.")]
Zone = Annotated[str, typer.Option("--tz", help="Zone of the machine it is from, if not this one's.")]


@app.command(short_help="An automation for each line of a crontab.")
def crontab(
    source: Annotated[str | None, typer.Argument(metavar="FILE|-", help="A crontab; - reads one.")] = None,
    user: Annotated[bool, typer.Option("--user", help="What `crontab -l` prints (the default).")] = False,
    system: Annotated[bool, typer.Option("--system", help="/etc/crontab and /etc/cron.d.")] = False,
    with_user: Annotated[
        bool | None, typer.Option("--with-user/--without-user", help="FILE has a user before each command.")
    ] = None,
    accept: Accept = False,
    yes: Yes = False,
    enable: Enable = False,
    tz: Zone = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose an automation for each line of a crontab. The crontab is not touched."""
    from steersman.automation.adopt.from_crontab import read_entries  # `--help` needs no parser
    from steersman.automation.adopt.machine import this_machine, user_names
    from steersman.automation.adopt.sources import is_system_file, looks_like_system

    if sum((source is not None, user, system)) > 1:
        raise Misconfigured("FILE, --user and --system are three different crontabs", fix="give one of them")
    offer = _Offer(directory, tz)
    crontabs, problems = _crontabs(source, system, with_user)
    if with_user is None and looks_like_system(crontabs, user_names()):
        raise Misconfigured(
            f"each command of {crontabs[0].file} begins with the name of a user",
            fix="add --with-user if that column is one, --without-user if it is not",
        )
    in_place = system or (source is not None and source != "-" and is_system_file(Path(source)))
    reading = read_entries(crontabs, this_machine(offer.workspace.root), in_place=in_place, tz=tz)
    reading = msgspec.structs.replace(reading, problems=(*reading.problems, *problems))
    offer.make(reading, title="adopted from a crontab", enable=enable)
    offer.finish(accept=accept, yes=yes, as_json=as_json)


@app.command(short_help="An automation for each script of a folder.")
def folder(
    scripts: Annotated[Path, typer.Argument(metavar="DIR", help="Scripts; they stay where they are.")],
    accept: Accept = False,
    yes: Yes = False,
    enable: Enable = False,
    tz: Zone = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose an automation for each script in DIR, with what they need of each other. Nothing is run."""
    from steersman.automation.adopt.from_folder import read_folder  # `--help` needs no parser
    from steersman.automation.adopt.machine import this_machine

    if not scripts.is_dir():
        raise Misconfigured(f"{scripts} is not a folder", fix="name a folder of scripts")
    offer = _Offer(directory, tz)
    reading = read_folder(_whole(scripts), this_machine(offer.workspace.root), tz=tz)
    offer.make(reading, title=f"adopted from {_whole(scripts)}", enable=enable)
    offer.finish(accept=accept, yes=yes, as_json=as_json)


@app.command(short_help="An automation for each timer.")
def systemd(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR", help="Folders of units; else ~/.config/systemd/user, /etc/systemd/system."),
    ] = None,
    accept: Accept = False,
    yes: Yes = False,
    enable: Enable = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose an automation for each systemd timer, with the service it starts. The units are not touched."""
    from steersman.automation.adopt.from_systemd import default_folders, read_timers  # `--help` needs no parser
    from steersman.automation.adopt.machine import this_machine

    offer = _Offer(directory)
    machine = this_machine(offer.workspace.root)
    reading = read_timers([_whole(f) for f in folders or default_folders(machine)], machine)
    offer.make(reading, title="adopted from systemd", enable=enable)
    offer.finish(accept=accept, yes=yes, as_json=as_json)


def _crontabs(source: str | None, system: bool, with_user: bool | None) -> tuple[list[Crontab], list[Problem]]:
    from steersman.automation.adopt import sources  # as above
    from steersman.automation.adopt.crontab import read_crontab

    if system:
        return sources.system_crontabs()
    if source is None:
        return [sources.crontab_of_user()], []
    if source == "-":
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
        return [read_crontab(text, file="crontab", with_user=bool(with_user))], []
    return [sources.crontab_file(Path(source), with_user=with_user)], []


class _Offer:
    """A proposal for one workspace: shown, and written when somebody says so."""

    def __init__(self, directory: Path, tz: str = "") -> None:
        from steersman.automation.adopt.acceptance import read_text  # as above
        from steersman.bootstrap.workspace import FILE, load_workspace

        if tz:
            _check_zone(tz)
        self.workspace = load_workspace(directory)
        self._file = self.workspace.root / FILE
        self._before = read_text(self._file)
        self._after = self._before
        self._reading: Reading
        self._proposal: Proposal
        self._backup: Path | None = None

    def make(self, reading: Reading, *, title: str, enable: bool) -> None:
        """Work out what `reading` adds to the manifest."""
        from steersman.automation.adopt.manifest_text import appended  # as above
        from steersman.automation.adopt.proposal import propose
        from steersman.kernel.clock import SystemClock

        self._reading = reading
        self._proposal = propose(
            reading.candidates,
            self._before,
            self.workspace.automations,
            now_ns=SystemClock().now_ns(),
            desk_tz=self.workspace.desk.tz,
            root=self.workspace.root,
            enable=enable,
        )
        self._after = appended(self._before, list(self._proposal.new), title=title)

    def finish(self, *, accept: bool, yes: bool, as_json: bool) -> None:
        """Show the proposal; with `accept`, ask, check and write it."""
        if not as_json:
            self._show()
        if accept and self._after != self._before:
            self._accept(yes, as_json)
        emit(as_json, self._data(), lambda: self._next(accept))

    def _accept(self, yes: bool, as_json: bool) -> None:
        from steersman.automation.adopt import acceptance  # as above
        from steersman.bootstrap.workspace import load_workspace

        root, name = self.workspace.root, self._file.name
        acceptance.check(self._before, self._after, root, name=name, tz=self.workspace.desk.tz)
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise Rejected("nobody is there to ask", fix="look at the proposal, then add --yes")
            typer.confirm(f"Write this into {self._file}?", abort=True)
        self._backup = acceptance.write(self._file, self._before, self._after, verify=lambda: load_workspace(root))

    def _removable(self) -> list[Removal]:
        """Return what may stop where it runs today, once it runs here: what is held back stays there."""
        ready = [p.candidate for p in self._proposal.new if not p.candidate.left and not p.candidate.holds]
        return [c.removal for c in ready if c.removal is not None]

    def _data(self) -> dict[str, object]:
        from steersman.automation.adopt.manifest_text import diff  # as above
        from steersman.automation.adopt.removal import commands

        return {
            "entries": [_entry(p) for p in self._proposal.new],
            "known": [{"where": where, "name": name} for where, name in self._proposal.known],
            "problems": self._reading.problems,
            "secrets": self._reading.secrets,
            "proposal": self._after[len(self._before) :],
            "diff": diff(self._before, self._after, name=self._file.name),
            "removal": commands(self._removable()),
            "accepted": self._backup is not None,
            "backup": self._backup,
        }

    def _show(self) -> None:
        from steersman.automation.adopt.manifest_text import diff  # as above

        reading, new = self._reading, self._proposal.new
        if new:
            sys.stdout.write(str(plain(diff(self._before, self._after, name=self._file.name))))
            say()
            columns = [("automation", "left"), ("starts", "left"), ("runs", "left"), ("needs", "left"), ("", "left")]
            list_rows(columns, [_row(p) for p in new], empty="")
        for where, name in self._proposal.known:
            say(f"{where} is in the manifest already: {name}")
        for p in new:
            if p.candidate.left:
                say(f"{p.candidate.where}: {p.name} is only a comment: {p.candidate.left}")
        for secret in reading.secrets:
            say(
                f"{secret.file}:{secret.line}: {secret.what} is secret, so not copied: ${secret.variable} stands for it"
            )
        for problem in reading.problems:
            say(f"{problem.where}: {problem.why}")
        for text in reading.general:
            say(text)
        if not new:
            say("nothing new to adopt" if self._proposal.known else "nothing to adopt")

    def _next(self, accept: bool) -> None:
        from steersman.automation.adopt.removal import commands  # as above

        if self._backup is None:
            if self._proposal.new and not accept:
                say("\nNothing is written. The same command with --accept writes it.")
            return
        enabled = [p.name for p in self._proposal.new if p.enabled]
        say(f"\nwritten: {self._file} (before: {self._backup.name})")
        say("Nothing of it runs until enabled = true." if not enabled else f"enabled: {', '.join(enabled)}")
        lines = commands(self._removable())
        if lines:
            then = "a desk that runs takes it over at once" if enabled else "then enable it here"
            say(f"\nNever let both run. Stop it where it runs today; {then}:")
            for line in lines:
                # Not wrapped: it is there to be copied.
                print(line)
        held = [p.name for p in self._proposal.new if p.candidate.holds and not p.candidate.left]
        if held:
            say(f"\nFirst do what the comments say for {', '.join(held)}; until then they stay where they run today.")


def _whole(path: Path) -> Path:
    """Return a path that will mean the same from anywhere; links stay, unless `..` goes past one."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _check_zone(tz: str) -> None:
    from steersman.automation.adopt.calendar import is_zone  # as above

    if not is_zone(tz):
        raise Misconfigured(f"--tz: no such time zone: {tz!r}", fix='write e.g. "America/New_York" or "UTC"')


def _entry(proposed: Proposed) -> dict[str, object]:
    c = proposed.candidate
    return {
        "name": proposed.name,
        "where": c.where,
        "status": "left" if c.left else "held" if c.holds else "ready",
        "when": c.when,
        "command": c.original,
        "run": c.run,
        "cwd": c.cwd,
        "schedule": None if proposed.follows else c.schedule,
        "tz": c.tz,
        "on": c.on,
        "needs": proposed.needs,
        "evidence": [{"producer": e.producer, "what": e.evidence, "why_not": e.why_not} for e in proposed.edges],
        "timeout_s": c.timeout_s,
        "overlap": c.overlap,
        "catchup": c.catchup,
        "env": c.env,
        "enabled": proposed.enabled,
        "notes": c.notes,
        "holds": c.holds,
        "left": c.left,
    }


def _row(proposed: Proposed) -> list[str]:
    c = proposed.candidate
    starts = f"after {' and '.join(proposed.needs)}" if proposed.follows else c.schedule
    runs = c.script.name if c.script is not None else c.original
    return [
        proposed.name,
        starts or (c.when if c.on else "by hand"),
        runs if len(runs) <= _SHOWN_RUN else f"{runs[: _SHOWN_RUN - 1]}…",
        ", ".join(proposed.needs),
        "not adopted" if c.left else "look first" if c.holds else "enabled" if proposed.enabled else "",
    ]
