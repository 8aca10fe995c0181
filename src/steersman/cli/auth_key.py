"""`steersman auth key`: a person carries the keys that seal logins to another machine; the commons never see them."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.auth_broker import opened_broker
from steersman.cli.context import HERE, AsJson, Dir, noun
from steersman.cli.output import emit
from steersman.cli.terminal import say
from steersman.kernel.errors import Misconfigured, Rejected

app = noun("Which keys seal logins; carry them to another machine that shares the logins.")
_LARGEST_BYTES = 65_536
_FILE = "A file for you alone; - is standard output, or input."
File = Annotated[str, typer.Argument(help=_FILE, metavar="FILE")]


@app.command("list", short_help="Which keys are here, and where.")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List the ids of the keys that are here, the one that seals first; an id reveals nothing about its key."""
    with opened_broker(directory) as (_, broker):
        ids, place = broker.key_ids(), broker.key_place()
    found = {"place": place.place, "keys": ids}
    text = f"in {place.detail}: {', '.join(ids)}" if ids else "no key yet: it is made with the first login"
    emit(as_json, found, lambda: say(text))


@app.command(short_help="Write the keys into a file, to be carried by hand.")
def export(file: File, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Write the keys of this machine into FILE (mode 0600), which must not be there yet.

    Whoever has FILE can open every login: carry it yourself, import it, and delete it.
    """
    if file == "-" and sys.stdout.isatty():
        raise Rejected("keys are not shown on a terminal", fix="name a file, or pipe them: ... export - | ssh HOST ...")
    if file == "-" and as_json:
        raise Misconfigured("found --json with -: keys are no JSON", fix="name a file, or leave --json out")
    with opened_broker(directory) as (_, broker):
        if file != "-":
            _check_new(Path(file))
        ring = broker.export_keys()
    ids = [key.id for key in ring.keys]
    if file == "-":
        sys.stdout.write(ring.encode())
        return
    _write(Path(file), ring.encode())
    what = "1 key" if len(ids) == 1 else f"{len(ids)} keys"
    hint = f"{what} in {file}. Carry it to the other machine; there: steersman auth key import {file}; then delete it."
    emit(as_json, {"file": file, "keys": ids}, lambda: say(hint))


@app.command("import", short_help="Take in keys that another machine exported.")
def import_(file: File, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Take in the keys of FILE: they seal from now on, and those that are here still open what they sealed."""
    text, place = _read(file)
    with opened_broker(directory) as (_, broker):
        ring, new = broker.import_keys(text, place=place)
        where = broker.key_place()
        troubles = [str(exc) for exc in broker.look()]
    done = {"keys": [key.id for key in ring.keys], "new": list(new), "place": where.place, "troubles": troubles}

    def show() -> None:
        say(f"new here: {', '.join(new)}; in {where.detail}" if new else "these keys were here already")
        for trouble in troubles:
            say(trouble)
        if new and file != "-":
            say(f"Next: delete {file}: whoever has it can open every login")

    emit(as_json, done, show)


def _check_new(path: Path) -> None:
    if path.is_symlink() or path.exists():
        raise Rejected(f"{path} is there already, and keys overwrite nothing", fix="name another file, or delete it")


def _write(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}", fix="name another file") from exc
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(text)


def _read(file: str) -> tuple[str, str]:
    """Return what FILE holds and how to call it in messages.

    Raises:
        Misconfigured: it is not there, or open to others.
    """
    if file == "-":
        return sys.stdin.read(_LARGEST_BYTES), "standard input"
    path = Path(file)
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            raw = opened.read(_LARGEST_BYTES)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}", fix="name the file that was exported") from exc
    if mode & 0o077:
        raise Misconfigured(
            f"{path} is open to others than its owner (mode {stat.S_IMODE(mode):04o}, allowed: 0600)",
            fix=f"chmod 600 {path}; if somebody may have read it: steersman auth rotate, and carry the new key",
        )
    return raw.decode("ascii", errors="replace"), str(path)
