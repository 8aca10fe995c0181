"""`[channel.NAME]` with `kind = "bluesky"`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span, seconds
from steersman.services.credentials.addresses import bad_address

_SHORTEST_S: Final = 0.1
_LONGEST_S: Final = 300.0
_MOST_LANGUAGES: Final = 3
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_IDENTIFIER: Final = re.compile(r"[^\s@]+@[^\s@]+|did:[a-z]+:[A-Za-z0-9._:%-]+|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PLACES: Final = frozenset(("handle", "did", "rkey"))


class BlueskySettings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account of the AT Protocol.

    Attributes:
        service: where the account logs in.
        identifier: handle ("desk.example.com"), DID or e-mail address of the account.
        password: where its app password is: `env:NAME` or `file:PATH`, never the password itself.
        appview: who counts likes; empty: nobody is asked (a server that takes no part in the network).
        languages: BCP 47, three at most; empty: the language of each post.
        post_url: address of a post for readers; `{handle}`, `{did}` and `{rkey}` are filled in.
        max_image_bytes: of one picture; every server takes 1 MB, those with the lexicon of 2026 take 2.
        edits: what becomes of a post whose words changed after it was out: `write` changes the record, which some apps
            (Bluesky's own among them) go on showing as it was; `refuse` leaves it and says so.
        timeout: span for connecting, and again for the answer.
    """

    kind: str = "bluesky"
    service: str = "https://bsky.social"
    identifier: str = ""
    password: str = "env:BLUESKY_APP_PASSWORD"  # noqa: S105 - a reference, as everything that may stand here
    appview: str = "https://public.api.bsky.app"
    languages: tuple[str, ...] = ()
    post_url: str = "https://bsky.app/profile/{handle}/post/{rkey}"
    max_image_bytes: int = 1_000_000
    edits: Literal["write", "refuse"] = "write"
    timeout: str = "20s"

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        yield from bad_address("service", self.service)
        if self.appview:
            yield from bad_address("appview", self.appview)
        # Whoever writes "@name" means the handle, and a handle has a dot: the server would only say "wrong password".
        if not _IDENTIFIER.fullmatch(self.identifier):
            yield (
                "identifier",
                f"found {self.identifier!r}, allowed: a handle with a dot and without @, a DID or an e-mail address",
                'write e.g. identifier = "desk.bsky.social"',
            )
        wrong = references.problem(self.password)
        if wrong:
            yield "password", wrong, references.FIX
        yield from self._bad_languages()
        yield from self._bad_post_url()
        if self.max_image_bytes < 1:
            yield "max_image_bytes", f"found {self.max_image_bytes}, allowed: 1 or more", "write e.g. 1000000"
        yield from bad_span("timeout", self.timeout, _SHORTEST_S, _LONGEST_S, "20s")

    def _bad_languages(self) -> Iterator[tuple[str, str, str]]:
        bad = [one for one in self.languages if not _LANGUAGE.fullmatch(one)]
        if bad or len(self.languages) > _MOST_LANGUAGES:
            found = f"found {bad[0]!r}" if bad else f"found {len(self.languages)}"
            yield "languages", f"{found}, allowed: up to 3 tags like en or pt-BR", 'write e.g. languages = ["en"]'

    def _bad_post_url(self) -> Iterator[tuple[str, str, str]]:
        named = set(re.findall(r"\{(.*?)\}", self.post_url))
        bare = re.sub(r"\{.*?\}", "x", self.post_url)
        problem = next((wrong for _, wrong, _ in bad_address("post_url", bare)), "")
        if not problem and ("rkey" not in named or not named <= _PLACES or "{" in bare or "}" in bare):
            problem = f"found {self.post_url!r}, allowed: an address with {{rkey}}, and {{handle}} or {{did}}"
        if problem:
            yield "post_url", problem, 'write e.g. "https://bsky.app/profile/{handle}/post/{rkey}"'
