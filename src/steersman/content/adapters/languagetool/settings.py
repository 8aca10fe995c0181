"""`[reviewer.NAME]` with `kind = "languagetool"`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from steersman.ai.addresses import is_loopback, wrong_with
from steersman.content.settings.reviewers import ReviewerSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8}){0,3}|auto")


class LanguageToolSettings(ReviewerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LanguageTool server of one's own, or a hosted one.

    Attributes:
        url: of the server, with or without `/v2`.
        language: what drafts in this language are checked as; spelling needs the variant ("en-US", not "en").
        level: `picky` adds rules about style.
        off: rules of the server that are switched off.
        username, key: of a premium account; `key` is a reference, never the key.
        max_chars: of one request; longer drafts go in parts (20,000 is the limit of the free hosted service).
        timeout: span for one request.
    """

    kind: str = "languagetool"
    url: str = "http://127.0.0.1:8081"
    language: str = "en-US"
    level: Literal["default", "picky"] = "default"
    off: tuple[str, ...] = ()
    username: str = ""
    key: str = ""
    max_chars: int = 20_000
    timeout: str = "30s"

    @property
    def base_url(self) -> str:
        """Return the address of version 2 of the API."""
        return f"{self.url.rstrip('/').removesuffix('/v2')}/v2"

    @property
    def is_local(self) -> bool:
        return is_loopback(self.url)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        if wrong := wrong_with(self.url):
            yield "url", wrong, 'write url = "http://127.0.0.1:8081"'
        if not _LANGUAGE.fullmatch(self.language):
            yield "language", f"found {self.language!r}, allowed: a language code", 'write language = "en-US"'
        if self.key and (wrong := references.problem(self.key)):
            yield "key", wrong, references.FIX
        if bool(self.key) != bool(self.username):
            yield "key", "a premium account has a username and a key; one of them is missing", "write both"
        if not 500 <= self.max_chars <= 1_000_000:
            yield "max_chars", f"found {self.max_chars}, allowed: 500 to 1000000", "write max_chars = 20000"
        yield from bad_span("timeout", self.timeout, 0.001, 300)
