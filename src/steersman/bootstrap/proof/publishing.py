"""The proof that a publishing process killed at any step makes one post of each draft: `doctor --publish-kill N`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from xml.etree import ElementTree

import msgspec

from steersman.bootstrap.plugins import factory, names, setting_type
from steersman.bootstrap.proof.platforms.process import Running, running
from steersman.bootstrap.proof.platforms.server import Fault
from steersman.bootstrap.proof.publishing_lives import CHANNEL, SETTINGS, channel
from steersman.content.publishing.outbox import Outbox
from steersman.content.publishing.stored import PostStore
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured, Unavailable

KINDS: Final = ("site", "webhook", "wordpress", "mastodon", "bluesky")
_PLATFORMS: Final = "steersman.bootstrap.proof.platforms"
_TIMEOUT: Final = "1s"
"""Of channels in the proof: a request that is never answered costs so much each time."""
_MOST_LIVES: Final = 25
_MOST_KILLS: Final = 3
_MOST_EDITS: Final = 3
_FAULTS_RATIO: Final = 0.15
_FORGETS_RATIO: Final = 0.7
_DOUBTS_RATIO: Final = 0.3
_EDITS_RATIO: Final = 0.15
_PICTURES_RATIO: Final = 0.2
_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
_FAULTS: Final = (
    Fault(how="answer", status=429, headers={"Retry-After": "1"}, body="{}"),
    Fault(how="answer", status=500, body="{}"),
    Fault(how="silent"),
    Fault(how="silent", method="POST"),
    Fault(how="reset"),
    Fault(how="reset", method="POST"),
    Fault(how="reset", method="PUT"),
    Fault(how="refuse"),
    Fault(how="garbled"),
    Fault(how="garbled", method="POST"),
)


class ChannelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on one channel in the end.

    Attributes:
        publishes: drafts that were to become one post each; `updates` of them were edited and published again.
        kills: how often the publishing process was killed on the way; `faults`: answers that the platform spoiled.
        duplicates: posts beyond the first of a draft.
        lost: drafts without a post.
        unconfirmed: posts of which the ledger does not say that they are out.
        wrong: posts that show something else than the last version that went out.
        problems: what kept a draft from being published, in words.
    """

    publishes: int
    updates: int
    kills: int
    faults: int
    lives: int
    duplicates: int
    lost: int
    unconfirmed: int
    wrong: int
    seconds: float
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every draft is exactly one post that shows its last version."""
        return not (self.duplicates or self.lost or self.unconfirmed or self.wrong or self.problems)


def kinds() -> list[str]:
    """Return the kinds of channel that are installed and that there is a platform for, in a fixed order."""
    installed = names("channels")
    return [kind for kind in KINDS if kind in installed and (kind == "site" or _has_platform(kind))]


def publish_kill(
    publishes: int,
    *,
    only: Sequence[str] = (),
    seed: int = 1,
    careless: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, ChannelReport]:
    """Publish `publishes` drafts on each kind of channel under kills and faults, and count what came of them.

    Args:
        only: kinds to keep to; empty: all that there are.
        careless: the control: a publisher that does not look before it sends again. It must be found out.

    Raises:
        Misconfigured: one of `only` is unknown, or has no platform to be proven on.
    """
    known = kinds()
    for kind in only:
        if kind not in known:
            raise Misconfigured(f"nothing to prove {kind!r} on", fix=f"use one of: {', '.join(known)}")
    wanted = list(only or known)

    def prove(kind: str) -> ChannelReport:
        with tempfile.TemporaryDirectory(prefix="steersman-publish-") as place:
            return _prove(kind, Path(place), publishes, random.Random(f"{seed}/{kind}"), careless, on_progress)

    # Threads only wait here: each channel has processes of its own.
    with _secrets(wanted), ThreadPoolExecutor(len(wanted)) as threads:
        return dict(zip(wanted, threads.map(prove, wanted), strict=True))


class _Proof:
    """One workspace, one channel, one process from which all lives are forked."""

    def __init__(
        self,
        folder: Path,
        lives: subprocess.Popen[str],
        platform: Running | None,
        rng: random.Random,
        *,
        most_edits: int,
    ) -> None:
        self.found: Counter[str] = Counter()
        self.problems: list[str] = []
        self._folder = folder
        self._lives = lives
        self._platform = platform
        self._rng = rng
        self._most_edits = most_edits
        self._steps = 12

    def publish(self, number: int) -> None:
        """Write a draft and publish it, through kills and faults, until it is out; some are edited once more."""
        name = f"content/post-{number}.md"
        picture = self._rng.random() < _PICTURES_RATIO

        def write(more: str) -> None:
            self._write(name, number, more, picture=picture)

        write("")
        self._until_out(name, "published", write)
        if self._rng.random() < _EDITS_RATIO:
            self.found["updates"] += 1
            write(" It was edited since.")
            self._until_out(name, "updated", write)

    def _until_out(self, name: str, wanted: str, write: Callable[[str], None]) -> None:
        kills, edits = self._rng.randint(0, _MOST_KILLS), 0
        reason = ""
        for _ in range(_MOST_LIVES):
            step = self._rng.randint(1, self._steps + 1) if kills else 0
            self._spoil()
            said = self._life(step, name)
            self.found["lives"] += 1
            if said == "killed":
                self.found["kills"] += 1
            else:
                outcome, steps, reason = [*said.split(" ", 2), "0", ""][:3]
                self._steps = max(self._steps, int(steps))
                # Found out already by the look after a kill, or in the very same life; an edit goes out after that.
                if outcome == "unchanged" or (not edits and outcome in (wanted, "published")):
                    return
            kills = max(0, kills - 1)
            ratio = _DOUBTS_RATIO if said == "killed" else 2 * _DOUBTS_RATIO
            if self._rng.random() < ratio and edits < self._most_edits:
                # Nobody knows now what is out. What was sent must be found though the draft says something else.
                edits += 1
                write(f" It was edited {edits} times, {wanted} or not.")
        self.problems.append(f"{name} is not out after {_MOST_LIVES} tries: {reason}")

    def _spoil(self) -> None:
        # Otherwise keys that live for an hour would hide that nobody looks before sending again.
        if self._platform is not None and self._rng.random() < _FORGETS_RATIO:
            self._platform.forget()
        if self._platform is not None and self._rng.random() < _FAULTS_RATIO:
            self._platform.add(self._rng.choice(_FAULTS))
            self.found["faults"] += 1

    def _life(self, step: int, name: str) -> str:
        if self._lives.stdin is None or self._lives.stdout is None:  # pragma: no cover - both are pipes
            return ""
        self._lives.stdin.write(f"{step} {name}\n")
        self._lives.stdin.flush()
        said = self._lives.stdout.readline().strip()
        if said in ("", "broken"):
            raise Unavailable("a publishing process ended by itself", fix="its error is printed above")
        return said

    def _write(self, name: str, number: int, more: str, *, picture: bool) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        image = "\n![A point](dot.png)\n" if picture else ""
        (path.parent / "dot.png").write_bytes(_PNG)
        text = (
            f"---\ntitle: Post {number}\nstatus: ready\ntags: [proof]\n---\n\nThe text of post {number}.{more}\n{image}"
        )
        path.write_text(text, encoding="utf-8")


def _prove(
    kind: str, place: Path, publishes: int, rng: random.Random, careless: bool, on_progress: Callable[[str], None]
) -> ChannelReport:
    clock = SystemClock()
    began = clock.elapsed_ns()
    folder, state = place / "desk", place / "platform"
    folder.mkdir()
    module = _module(kind)
    with _platform(kind, state) as platform:
        (folder / SETTINGS).write_bytes(msgspec.json.encode(_settings(kind, module, platform, careless)))
        command = [sys.executable, "-m", "steersman.bootstrap.proof.publishing_lives", str(folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lives:
            # An edit clears away what may be out: it would hide the second posts of the control.
            proof = _Proof(folder, lives, platform, rng, most_edits=0 if careless else _MOST_EDITS)
            for number in range(1, publishes + 1):
                proof.publish(number)
                if number % 20 == 0:
                    on_progress(f"{kind}: {number} of {publishes} published, killed {proof.found['kills']} times")
        if platform is not None:
            platform.calm()
        shown = _site_posts(folder) if module is None else module.count(state)
        unconfirmed, wrong = _compare(folder, publishes)
    found = proof.found
    return ChannelReport(
        publishes=publishes,
        updates=found["updates"],
        kills=found["kills"],
        faults=found["faults"],
        lives=found["lives"],
        duplicates=sum(count - 1 for count in shown.values()),
        lost=max(0, publishes - len(shown)),
        unconfirmed=unconfirmed,
        wrong=wrong,
        seconds=round((clock.elapsed_ns() - began) / 1e9, 1),
        problems=tuple(proof.problems),
    )


@contextlib.contextmanager
def _platform(kind: str, state: Path) -> Iterator[Running | None]:
    if kind == "site":
        yield None
        return
    with running(kind, state) as platform:
        yield platform


@contextlib.contextmanager
def _secrets(kinds: Sequence[str]) -> Iterator[None]:
    """Put what the settings of platforms of ours refer to into the environment, for as long as they run."""
    told: dict[str, str] = {}
    for kind in kinds:
        told |= getattr(_module(kind), "SECRETS", {})
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _settings(kind: str, module: ModuleType | None, platform: Running | None, careless: bool) -> dict[str, Any]:
    if module is None or platform is None:
        return {"kind": kind, "folder": "site", "base_url": "https://site.example/", "careless": careless}
    told: dict[str, Any] = {**module.settings(platform.url), "careless": careless}
    if "timeout" in setting_type("channel", kind).__struct_fields__:
        told["timeout"] = _TIMEOUT
    if careless:
        told.pop("lookup_url", None)
    return told


def _module(kind: str) -> ModuleType | None:
    return None if kind == "site" else importlib.import_module(f"{_PLATFORMS}.{kind}")


def _has_platform(kind: str) -> bool:
    return importlib.util.find_spec(f"{_PLATFORMS}.{kind}") is not None


def _site_posts(folder: Path) -> dict[str, int]:
    """Count the posts of a site: entries of its feed, and commits that say that they publish for the first time."""
    if not (folder / "site" / "feed.xml").is_file():
        return {}
    feed = ElementTree.fromstring((folder / "site" / "feed.xml").read_bytes())  # noqa: S314 - our own feed
    atom = "{http://www.w3.org/2005/Atom}"
    entries = Counter(
        str(link.get("href")).rpartition("/")[2].removesuffix(".html")
        for entry in feed.findall(f"{atom}entry")
        for link in entry.findall(f"{atom}link")
    )
    git = shutil.which("git") or "git"
    log = subprocess.run(
        [git, "log", "--format=%B%x00"], cwd=folder / "site", capture_output=True, text=True, check=True
    ).stdout
    first = Counter(re.findall(rf"^Publish [^\x00]*?^Steersman-Key: {CHANNEL}/(\S+)$", log, re.MULTILINE | re.DOTALL))
    return {slug: max(count, first[slug]) for slug, count in entries.items()}


def _compare(folder: Path, publishes: int) -> tuple[int, int]:
    """Return how many posts the ledger does not know to be out, and how many show something else than they should."""
    ledger = factory("ledgers", "sqlite")(folder / "ledger.db", read_only=True)
    outbox, store, asked = (
        Outbox(ledger, SystemClock(), actor="person:proof"),
        PostStore(folder / ".steersman/outbox"),
        channel(folder),
    )
    unconfirmed = wrong = 0
    for number in range(1, publishes + 1):
        key = f"{CHANNEL}/post-{number}"
        state = outbox.state(key)
        if state.published is None or state.is_open:
            unconfirmed += 1
            continue
        post = store.find(key, state.published.content_sha256)
        if post is None:
            wrong += 1
            continue
        named = msgspec.structs.replace(post, remote_id=state.published.remote_id)
        shown = asked.lookup(named)
        wrong += shown is None or shown.content_sha256 != post.content_sha256
    ledger.close()
    return unconfirmed, wrong
