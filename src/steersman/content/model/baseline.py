"""What was there before anybody asked: findings that a committed file lists, and that stop nothing."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from steersman.content.model.finding import Finding
from steersman.kernel.errors import Misconfigured

NAME: Final = "_baseline.json"
REASON: Final = "baseline"
_ENTRY: Final = re.compile(r"[0-9a-f]{16} \S+")
_FIX: Final = "take it back from git, or write it anew: content check --write-baseline"


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The findings that were there when it was written.

    Attributes:
        version: of the form.
        findings: by draft: `<fingerprint> <engine>/<rule>`, sorted. No text of the draft.
    """

    version: int = 1
    findings: dict[str, tuple[str, ...]] = {}

    def holds(self, finding: Finding) -> bool:
        return entry(finding) in self.findings.get(finding.doc, ())

    @property
    def size(self) -> int:
        return sum(len(entries) for entries in self.findings.values())


def decode(raw: bytes) -> Baseline:
    """Return the baseline that `raw` is.

    Raises:
        Misconfigured: it is not what `encode` writes.
    """
    try:
        read = msgspec.json.decode(raw, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Misconfigured(f"{NAME} is no baseline: {exc}", fix=_FIX) from exc
    if read.version != 1:
        raise Misconfigured(f"{NAME}: found version {read.version}, allowed: 1", fix=_FIX)
    wrong = next((e for entries in read.findings.values() for e in entries if not _ENTRY.fullmatch(e)), None)
    if wrong is not None:
        raise Misconfigured(f"{NAME}: found {wrong[:40]!r}, allowed: <16 hex digits> <engine>/<rule>", fix=_FIX)
    return read


def encode(baseline: Baseline) -> bytes:
    """Return the file's bytes: one entry a line, sorted, so that two branches merge."""
    findings = {name: sorted(baseline.findings[name]) for name in sorted(baseline.findings)}
    return msgspec.json.format(msgspec.json.encode({"version": 1, "findings": findings}), indent=2) + b"\n"


def entry(finding: Finding) -> str:
    """Return how a baseline lists `finding`: a name for it that holds nothing of its text, and its rule."""
    return f"{finding.fingerprint} {finding.source.replace(' ', '')}/{finding.rule.replace(' ', '')}"
