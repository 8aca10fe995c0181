"""`[channel.NAME]` with `kind = "webhook"`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span, seconds
from steersman.services.credentials.addresses import bad_address

KEY: Final = "{key}"
_SHORTEST_S: Final = 0.1
_LONGEST_S: Final = 300.0


class WebhookSettings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver that keeps the contract of docs/reference/publishing.md.

    Attributes:
        url: where deliveries are posted.
        secret: where the key of the signature is: `env:NAME` or `file:PATH`.
        lookup_url: address that says what is shown of one post, with {key} where its key goes; empty: it cannot be
            asked, and the receiver's idempotency alone keeps a delivery from counting twice.
        timeout: span for connecting, and again for the answer.
    """

    kind: str = "webhook"
    url: str
    secret: str
    lookup_url: str = ""
    timeout: str = "30s"

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        yield from bad_address("url", self.url)
        if self.lookup_url:
            yield from bad_address("lookup_url", self.lookup_url.replace(KEY, "key"))
            if self.lookup_url.count(KEY) != 1:
                yield "lookup_url", f"found {self.lookup_url!r}, allowed: {{key}} once", 'write ".../posts/{key}"'
        wrong = references.problem(self.secret)
        if wrong:
            yield "secret", wrong, references.FIX
        yield from bad_span("timeout", self.timeout, _SHORTEST_S, _LONGEST_S)
