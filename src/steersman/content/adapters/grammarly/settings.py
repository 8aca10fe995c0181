"""`[reviewer.NAME]` with `kind = "grammarly"`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from steersman.ai.addresses import is_loopback, wrong_with
from steersman.content.settings.reviewers import ReviewerSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span

SCORES: Final = ("general", "engagement", "correctness", "delivery", "clarity", "tone")


class GrammarlySettings(ReviewerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OAuth client of a Grammarly Enterprise or Education account with the scopes scores-api:read and :write.

    Attributes:
        client_id: of the client; no secret.
        client_secret: where its secret is: `env:NAME` or `file:PATH`.
        min_score: a draft scored below it is stopped: 80 (the general score), or {general = 80, correctness = 90}.
        timeout: span to wait for a score; `poll_every` between two questions.
        base_url, auth_url: Grammarly's own unless said otherwise.
    """

    kind: str = "grammarly"
    client_id: str = ""
    client_secret: str = ""
    min_score: int | float | dict[str, int | float] = 0
    timeout: str = "3m"
    poll_every: str = "2s"
    base_url: str = "https://api.grammarly.com"
    auth_url: str = "https://auth.grammarly.com/v4/api/oauth2/token"

    @property
    def minimum(self) -> Mapping[str, float]:
        if isinstance(self.min_score, dict):
            return {name: float(least) for name, least in self.min_score.items()}
        return {"general": float(self.min_score)} if self.min_score else {}

    @property
    def is_local(self) -> bool:
        return is_loopback(self.base_url) and is_loopback(self.auth_url)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        if not self.client_id.strip():
            yield "client_id", "it is missing", "copy it from Grammarly's admin panel, OAuth 2.0 credentials"
        if wrong := references.problem(self.client_secret):
            yield "client_secret", wrong, references.FIX
        for name, least in self.minimum.items():
            if name not in SCORES:
                yield "min_score", f"found a score {name!r}, allowed: {', '.join(SCORES)}", "write min_score = 80"
            elif not 0 <= least <= 100:
                yield "min_score", f"found {least:g}, allowed: 0 to 100", "write min_score = 80"
        for field in ("base_url", "auth_url"):
            if wrong := wrong_with(getattr(self, field)):
                yield field, wrong, f"take {field} out: Grammarly's own address is known"
        for field in ("timeout", "poll_every"):
            yield from bad_span(field, str(getattr(self, field)), 0.001, 1800, "2s")
