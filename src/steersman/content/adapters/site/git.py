"""The site's own repository: its commits carry the key, and no setting of this machine has a say in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from steersman.content.adapters.site.lock import Held
from steersman.content.ports import Post
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Unavailable

_TIMEOUT_S: Final = 60
_NULL: Final = os.devnull
DELETED: Final = "deleted"
"""What the last commit of a post that was taken away names as its content."""
_LOCKS: Final = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock")


class Repository:
    """Git in the folder of the site; an outer repository is never touched."""

    def __init__(self, folder: Path, *, author: str, email: str) -> None:
        self._folder = folder
        self._home = folder / ".git"
        self._settings = (
            f"core.hooksPath={_NULL}",
            "commit.gpgsign=false",
            "core.autocrlf=false",
            "core.quotePath=false",
            "maintenance.auto=false",
            "gc.auto=0",
            f"user.name={author}",
            f"user.email={email}",
        )

    def prepare(self, held: Held) -> None:
        """Make the repository if there is none; clear what a git of ours that was killed left locked."""
        if held.crashed and self._home.is_dir():
            for lock in (*(self._home / name for name in _LOCKS), *(self._home / "refs").rglob("*.lock")):
                lock.unlink(missing_ok=True)
        self._run("init", "-q", "-b", "main", "--template=", str(self._folder), held=held)

    def commit(self, post: Post, *, held: Held) -> str:
        """Commit everything in the folder under the post's key, unless its last commit is of this content; return it.

        Raises:
            OutcomeUnknown: git did not answer in time: the commit may be there.
        """
        commit, content = self._last(post.key)
        if commit and content == post.content_sha256:
            return commit
        # What the history says, not what lies in the folder: a crash may have left the new text without its commit.
        word = "Update" if commit and content != DELETED else "Publish"
        trailers = f"Steersman-Key: {post.key}\nSteersman-Content: {post.content_sha256}\n"
        return self._commit(f"{word} {post.title}\n\n{trailers}", post.updated_at, held)

    def delete(self, key: str, title: str, *, at: int, held: Held) -> None:
        """Commit that the post is gone, unless its last commit says so, or it never had one.

        Raises:
            OutcomeUnknown: as `commit`.
        """
        commit, content = self._last(key)
        if commit and content != DELETED:
            self._commit(f"Delete {title}\n\nSteersman-Key: {key}\nSteersman-Content: {DELETED}\n", at, held)

    def push(self, remote: str, branch: str, *, held: Held) -> None:
        """Send the branch to `remote`, unless it has the head already.

        Raises:
            Unavailable: it did not take it; nothing is lost, and the same call again sends it.
        """
        head = self._run("rev-parse", "HEAD", held=held).strip()
        if not self.has_pushed(head, remote, branch):
            self._run("push", "-q", "--no-verify", remote, f"HEAD:refs/heads/{branch}", held=held)

    def has_pushed(self, commit: str, remote: str, branch: str) -> bool:
        """Say whether `remote` has this commit, as far as the last push told."""
        tracked = f"refs/remotes/{remote}/{branch}"
        return self._call("merge-base", "--is-ancestor", commit, tracked).returncode == 0

    def _commit(self, message: str, at: int, held: Held) -> str:
        self._run("add", "-A", "--", ".", held=held)
        # Empty when the pages went along with another post's commit: the key still gets its own.
        try:
            self._run(
                "commit", "-q", "--allow-empty", "--no-verify", "--cleanup=verbatim", "-F", "-",
                held=held, text=message, when=at // 1_000_000_000,
            )  # fmt: skip
        except subprocess.TimeoutExpired as exc:
            raise OutcomeUnknown("git commit did not end", fix="publish again: it is looked up first") from exc
        return self._run("rev-parse", "HEAD", held=held).strip()

    def find(self, key: str, content_sha256: str) -> str | None:
        """Return the newest commit with this key, if it is of this content."""
        commit, content = self._last(key)
        return commit if commit and content == content_sha256 else None

    def _last(self, key: str) -> tuple[str, str]:
        """Return the newest commit with this key, and the content it names; two empty words if there is none."""
        if not (self._home / "HEAD").is_file() or not self.has_commits():
            return "", ""
        shown = self._run(
            "log", "--fixed-strings", f"--grep=Steersman-Key: {key}",
            "--format=%H%x1f%(trailers:key=Steersman-Key,valueonly,separator=%x2c)"
            "%x1f%(trailers:key=Steersman-Content,valueonly,separator=%x2c)",
        )  # fmt: skip
        for line in shown.splitlines():
            commit, found, content = line.split("\x1f")
            # The search is for a part of the line: `site/one` also finds `site/one-more`.
            if found == key:
                return commit, content
        return "", ""

    def has_commits(self) -> bool:
        """Say whether there is anything to push."""
        return self._call("rev-parse", "-q", "--verify", "HEAD").returncode == 0

    def _run(self, *arguments: str, held: Held | None = None, text: str = "", when: int | None = None) -> str:
        try:
            done = self._call(*arguments, held=held, text=text, when=when)
        except subprocess.TimeoutExpired as exc:
            if arguments[0] == "commit":
                raise
            raise Unavailable(f"git {arguments[0]} did not end in {_TIMEOUT_S} s", fix="look at the disk") from exc
        if done.returncode != 0:
            problem = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
            raise Unavailable(
                f"git {arguments[0]} in {self._folder.name}: {problem}",
                fix="put it right by hand with git, then publish again; or set git = false for this channel",
            )
        return done.stdout

    def _call(
        self, *arguments: str, held: Held | None = None, text: str = "", when: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "LC_ALL": "C"}
        # Only a push needs what this machine knows: its credential helpers and proxies.
        if arguments[0] != "push":
            environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": _NULL}
        if when is not None:
            environment |= {"GIT_AUTHOR_DATE": f"@{when} +0000", "GIT_COMMITTER_DATE": f"@{when} +0000"}
        place = [] if arguments[0] == "init" else [f"--git-dir={self._home}", f"--work-tree={self._folder}"]
        settings = [part for setting in self._settings for part in ("-c", setting)]
        try:
            return subprocess.run(
                ["git", *place, *settings, *arguments],
                cwd=self._folder,
                env=environment,
                input=text,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                pass_fds=() if held is None else (held.fd,),
            )
        except FileNotFoundError as exc:
            raise Misconfigured("git is not installed", fix="install git, or set git = false in [channel.*]") from exc
