"""Drafts, posts and desks that spell out only what a test is about."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from steersman.content.adapters.site.settings import SiteSettings
from steersman.content.model.baseline import Baseline
from steersman.content.model.draft import Draft, parse
from steersman.content.ports import Channel, Checker, Post
from steersman.content.publishing.publisher import Publisher
from steersman.content.qa.checker import DraftChecker
from steersman.content.qa.engines.house import HouseRules
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock, FakeClock
from steersman.ledger import Ledger

SITE = SiteSettings(kind="site", title="Notes", base_url="https://example.com/notes/", author="A. Author")


def markdown(body: str = "Some words.\n", **fields: object) -> str:
    """Return a draft's text with a title and `fields` in its front matter."""
    front = {"title": "A title", "status": "ready", **fields}
    return "---\n" + "".join(f"{k}: {v}\n" for k, v in front.items() if v is not None) + f"---\n\n{body}"


def write_draft(root: Path, name: str = "one.md", body: str = "Some words.\n", **fields: object) -> Path:
    path = root / "content" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown(body, **fields), encoding="utf-8")
    return path


def a_draft(body: str = "Some words.\n", **fields: object) -> Draft:
    return parse(markdown(body, **fields).encode(), name="content/one.md", folder="content")


def a_post(slug: str = "one", body: str = "Some *words*.\n", **fields: Any) -> Post:
    given: dict[str, Any] = {
        "key": f"site/{slug}",
        "slug": slug,
        "title": f"Post {slug}",
        "summary": "",
        "tags": (),
        "body": body,
        "content_sha256": hashlib.sha256(body.encode()).hexdigest(),
        "published_at": 1_700_000_000_000_000_000,
        "updated_at": 1_700_000_000_000_000_000,
    }
    return Post(**{**given, **fields})


def a_checker(
    root: Path,
    ledger: Ledger,
    *,
    clock: Clock | None = None,
    engines: tuple[Checker, ...] = (HouseRules(),),
    baseline: Baseline | None = None,
    **settings: Any,
) -> DraftChecker:
    """Return a checker with house rules only: Harper's dictionary takes most of a second to load."""
    return DraftChecker(
        root=root,
        settings=QaSettings(**settings),
        ledger=ledger,
        clock=clock or FakeClock(),
        engines=engines,
        baseline=baseline,
    )


def a_publisher(root: Path, ledger: Ledger, channel: Channel, *, clock: Clock | None = None) -> Publisher:
    clock = clock or FakeClock()
    return Publisher(
        checker=a_checker(root, ledger, clock=clock),
        ledger=ledger,
        clock=clock,
        channels={"site": channel},
        patience_s=0,
    )


def told(ledger: Ledger, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (the last two words of the type, data) of what content said, in order."""
    found = ledger.read(types=types or ("content.*",))
    return [(e.type.removeprefix("content."), msgspec.json.decode(e.data)) for e in found]


def commits(site: Path) -> list[str]:
    """Return the Steersman-Key of every commit, newest first; '' for one without."""
    shown = subprocess.run(
        ["git", "log", "--format=%(trailers:key=Steersman-Key,valueonly,separator=%x2c)"],
        cwd=site,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return shown.splitlines()
