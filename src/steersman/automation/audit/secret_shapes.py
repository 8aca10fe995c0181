"""Which text is a secret: known shapes first, then names that promise one and values random enough to be one."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from typing import Final

# Shapes as their issuers document them (token prefixes of AWS, GitHub, GitLab, Slack, Stripe, Google, SendGrid, npm).
_SHAPES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("AWS access key id", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b")),
    ("GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("Slack token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("Slack webhook", re.compile(r"hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}")),
    ("Discord webhook", re.compile(r"discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{40,}")),
    ("Telegram bot token", re.compile(r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])")),
    ("Stripe key", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}")),
    ("Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    ("SendGrid key", re.compile(r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")),
    ("npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("API key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
    ("private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{40,}?-----END [A-Z ]*PRIVATE KEY-----")),
)
_IN_ADDRESS: Final = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s:/@'\"]{0,200}:([^\s@/'\"]{1,400})@")
_IN_QUERY: Final = re.compile(r"[?&]([A-Za-z_-]+)=([^&\s'\"{}$]+)")
_IN_JSON: Final = re.compile(r"""\\?"([A-Za-z_-]+)\\?"\s*:\s*\\?"([^"\\\s{}$]+)\\?\"""")
_AUTHORIZATION: Final = re.compile(r"(?i)\b(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=-]{8,})")
_NAME: Final = re.compile(
    r"(?i)(pass(word|wd|phrase)?|pwd|secret|token|credentials?|auth|"
    r"(?:^|[-_])pw|(?:^|[-_]|(?:api|access|secret|private|app|account))key)s?\d*$|(?i:^(?:passw(or)?d|pgpassword))"
)
_NAME_OF_SOMETHING_ELSE: Final = re.compile(
    r"(?i)(checksum|digest|hash|file|path|url|uri|name|env|field|count|hint|header|ttl|separator|type|prefix|length|endpoint|public[-_]?key)$"
)
_DIGEST: Final = re.compile(r"(?i)checksum|digest|sha\d|md5|etag|commit")
_PLACEHOLDER: Final = re.compile(
    r"(?i)(example|placeholder|change_?me|your[-_ ]|dummy|fake|redacted|insert|todo|sample|\btest\b|test[-_]|^none$|"
    r"x{4,}|\*{3,}|\.\.\.|1234567|abcdef|^<.*>$|\$\{|\{\{|%\(|^env:|^file:)"
)
_WORDS: Final = re.compile(r"^_*[A-Za-z]+(?:[-_./: ]+[A-Za-z]+)*_*$")
_PATTERN: Final = re.compile(r"\(\?|\[[^\]]+\]|\\[wdsbWDS]|\([^)]*\|")
# Google's passwords for one app are shown in four groups of four.
_IN_FOURS: Final = re.compile(r"^[a-z]{4} [a-z]{4} [a-z]{4} [a-z]{4}$")
_SHORTEST: Final = 8
IN_REQUEST: Final = "part of a request"


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits per character; 0 for an empty text.

    Source: Shannon, A Mathematical Theory of Communication (1948), section 6.
    """
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def promises_secret(name: str) -> bool:
    """Say whether something called `name` is meant to hold a secret."""
    return bool(_NAME.search(name)) and not _NAME_OF_SOMETHING_ELSE.search(name) and not _DIGEST.search(name)


def is_random(value: str) -> bool:
    """Say whether a value under a promising name is a secret and no word, placeholder, path or address."""
    if len(value) < _SHORTEST or any(c.isspace() for c in value) or "://" in value or _PLACEHOLDER.search(value):
        return False
    if _PATTERN.search(value):
        return False  # a regular expression for secrets is none
    if _WORDS.match(value) and not (len(value) >= 20 and entropy(value) >= 4.0 and "-" not in value):
        return False
    if value.startswith(("/", "./", "~", "$", "{")):
        return False
    kinds = sum(bool(re.search(p, value)) for p in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]"))
    return kinds >= 2 and entropy(value) >= 2.5


def find_secret(value: str, name: str = "") -> tuple[str, str] | None:
    """Return kind and secret part of `value`, which stands under `name`; None if it holds no secret."""
    for kind, pattern in _SHAPES:
        if (found := pattern.search(value)) and not _PLACEHOLDER.search(found.group()):
            return kind, found.group()
    if (found := _IN_ADDRESS.search(value)) and is_random(found.group(1)):
        return "password in an address", found.group(1)
    # Prose says "basic authentication" too: what is sent has digits, and more than a word's letters.
    if (found := _AUTHORIZATION.search(value)) and is_random(found.group(1)) and re.search(r"\d", found.group(1)):
        return "authorization", found.group(1)
    for pattern in (_IN_QUERY, _IN_JSON) if "://" in value or "{" in value else ():
        for found in pattern.finditer(value):
            if promises_secret(found.group(1)) and is_random(found.group(2)):
                return IN_REQUEST, found.group(2)
    head, colon, rest = value.partition(":")
    if colon and not head.startswith("${") and promises_secret(head.strip()) and is_random(rest.strip()):
        return "header", rest.strip()
    if name and promises_secret(name) and _IN_FOURS.match(value) and not _PLACEHOLDER.search(value):
        return "password of an app", value
    if name and promises_secret(name) and is_random(value):
        return "password" if "pass" in name.lower() or "pwd" in name.lower() else "key", value
    return None


def fingerprint(value: str) -> str:
    """Say which secret without showing any of it: its length and the start of its sha256."""
    return f"{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:8]}"
