"""What content says into the ledger. Streams: `draft/<path>`, `post/<key>`. Private text never enters an event."""

from __future__ import annotations

import msgspec

DRAFT_CHECKED = "content.draft.checked"
DRAFT_REFUSED = "content.draft.refused"
FINDING_RAISED = "content.finding.raised"
POST_PLANNED = "content.post.planned"
POST_PUBLISHED = "content.post.published"
POST_UNCONFIRMED = "content.post.unconfirmed"
POST_FAILED = "content.post.failed"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a finding stands in the version that was checked. `status` is open or suppressed."""

    fingerprint: str
    start: int
    end: int
    line: int
    column: int
    severity: str
    status: str


class DraftChecked(msgspec.Struct, frozen=True, kw_only=True):
    """One QA pass over one version of a draft. `outcome` is pass or blocked (a gate finding is open).

    `seen` lists every finding of this version; one that an earlier pass raised and this one did not see is gone.
    """

    draft: str
    content_sha256: str
    title: str
    words: int
    gates: int
    warnings: int
    infos: int
    suppressed: int
    outcome: str
    at: int
    seen: tuple[Seen, ...] = ()


class DraftRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read as a draft: broken front matter, wrong encoding, too large."""

    draft: str
    reason: str
    line: int | None
    at: int


class FindingRaised(msgspec.Struct, frozen=True, kw_only=True):
    """A finding seen for the first time (by fingerprint). Offsets are code points of the file on disk.

    `message` is the rule's sentence with every quoted word left out: the draft's text stays in its file.
    """

    draft: str
    content_sha256: str
    fingerprint: str
    start: int
    end: int
    line: int
    column: int
    source: str
    rule: str
    category: str
    severity: str
    message: str
    at: int


class PostPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """The durable intent: what will be published where, under which key, before the channel is called."""

    key: str
    channel: str
    draft: str
    content_sha256: str
    title: str
    at: int


class PostPublished(msgspec.Struct, frozen=True, kw_only=True):
    """The channel shows the post."""

    key: str
    channel: str
    draft: str
    content_sha256: str
    title: str
    url: str
    revision: str
    at: int


class PostEnded(msgspec.Struct, frozen=True, kw_only=True):
    """`unconfirmed` (may be out: look it up before anything else) or `failed` (certainly not out)."""

    key: str
    channel: str
    draft: str
    reason: str
    at: int
