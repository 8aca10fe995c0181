"""What the first pass says. Stream `draft/<path>`."""

from __future__ import annotations

import msgspec

DRAFT_CHECKED = "content.draft.checked"
DRAFT_REFUSED = "content.draft.refused"
FINDING_RAISED = "content.finding.raised"
FINDING_ACCEPTED = "content.finding.accepted"
FINDING_REJECTED = "content.finding.rejected"


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
    `policy` names the rules and words it was checked with, by their hash: with others, a finding that is gone proves
    nothing about its rule. `type` is the content type of the draft.
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
    policy: str = ""
    type: str = ""


class DraftRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read as a draft: broken front matter, wrong encoding, too large."""

    draft: str
    reason: str
    line: int | None
    at: int


class FindingRaised(msgspec.Struct, frozen=True, kw_only=True):
    """A finding seen for the first time (by fingerprint). Offsets are code points of the file on disk.

    `message` is the rule's sentence with every quoted word left out: the draft's text stays in its file. `type` is the
    content type of the draft.
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
    type: str = ""


class FindingJudged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a finding: accepted (its place was changed) or rejected (somebody said it is none).

    Attributes:
        how: `person` (said so), `edit` (the flagged text is gone from the next version), `published` (it went out as
            it was).
        type: the content type of the draft; rules are learned per rule and type.
    """

    draft: str
    fingerprint: str
    source: str
    rule: str
    category: str
    type: str
    how: str
    at: int
