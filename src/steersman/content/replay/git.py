"""What git tells: commits in the order of time, and what files held then. Asks local objects only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from steersman.kernel.errors import Misconfigured, Unavailable

_TIMEOUT_S: Final = 120.0
PATTERNS: Final = ("*.md", "*.markdown", "*.mdx")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a commit wrote: the objects before (empty: it is new) and after."""

    path: str
    before: str
    after: str


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is the instant of the commit, ns since 1970 UTC."""

    id: str
    at: int
    message: str
    changes: tuple[Change, ...]


class Repository:
    """A git repository, read through git itself; `close` ends it."""

    def __init__(self, folder: Path) -> None:
        """Open the repository that `folder` is in.

        Raises:
            Misconfigured: there is none, or no git.
        """
        self._folder = folder
        self.head = self._ask("rev-parse", "--verify", "HEAD^{commit}").strip()
        self._objects: subprocess.Popen[bytes] | None = None

    def commits(self, most: int) -> list[Commit]:
        """Return the last `most` commits that wrote Markdown, oldest first, without merges."""
        log = self._ask(
            "log", "--reverse", "--no-merges", "--raw", "--no-abbrev", "-z", f"--max-count={most}", "-M",
            "--format=%x01%H%x00%ct%x00%s%x00", "HEAD", "--", *PATTERNS,
        )  # fmt: skip
        return [_commit(part) for part in log.split("\x01")[1:]]

    def files(self) -> list[tuple[str, str]]:
        """Return path and object of each Markdown file as it is now."""
        found = []
        for entry in self._ask("ls-tree", "-r", "-z", "--full-tree", "HEAD").split("\0"):
            about, _, path = entry.partition("\t")
            if path.endswith(tuple(pattern[1:] for pattern in PATTERNS)) and about.startswith("100"):
                found.append((path, about.split(" ")[2]))
        return found

    def text(self, object_: str, most_bytes: int) -> str | None:
        """Return the text of an object; None if it is larger than `most_bytes`, or not UTF-8.

        Raises:
            Unavailable: git does not have it.
        """
        raw = self._read(object_)
        if len(raw) > most_bytes:
            return None
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def close(self) -> None:
        if self._objects is not None:
            self._objects.communicate(timeout=_TIMEOUT_S)
            self._objects = None

    def _read(self, object_: str) -> bytes:
        asked, told = self._pipes()
        asked.write(f"{object_}\n".encode())
        asked.flush()
        header = told.readline().decode().split()
        if len(header) != 3:
            # A shallow or partial clone names objects that it does not have.
            raise Unavailable(f"git has no object {object_[:12]} here", fix="git fetch --unshallow, then try again")
        raw = told.read(int(header[2]))
        told.read(1)
        return raw

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._objects is None:
            command = ["git", "-C", str(self._folder), "cat-file", "--batch"]
            self._objects = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        asked, told = self._objects.stdin, self._objects.stdout
        if asked is None or told is None:  # pragma: no cover - both were asked for
            raise Unavailable("git gives no pipe", fix="try again")
        return asked, told

    def _ask(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
        except FileNotFoundError as exc:
            raise Misconfigured("there is no git on this machine", fix="install git") from exc
        except subprocess.TimeoutExpired as exc:
            raise Unavailable(f"git {arguments[0]} gave nothing in {_TIMEOUT_S:g} s", fix="try again") from exc
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise Misconfigured(
                f"{self._folder} has no history to replay: {said[-1]}",
                fix="name a git repository with commits, or a file of edits (.jsonl)",
            )
        return done.stdout.decode(errors="surrogateescape")


def _commit(part: str) -> Commit:
    id_, at, message, *rest = part.split("\0")
    return Commit(id=id_, at=int(at) * 1_000_000_000, message=message, changes=tuple(_changes(rest)))


def _changes(fields: list[str]) -> Iterator[Change]:
    """Read `:mode mode before after status` and the path or paths that follow it."""
    entries = iter(fields)
    for entry in entries:
        if ":" not in entry:
            continue
        old_mode, new_mode, before, after, status = entry.rpartition(":")[2].split(" ")
        path = next(entries)
        if status[0] in "RC":
            path = next(entries)
        if new_mode.startswith("100"):
            yield Change(path=path, before="" if set(before) == {"0"} or old_mode == "000000" else before, after=after)
