"""`[channel.NAME]` with `kind = "wordpress"`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span, seconds
from steersman.services.credentials.addresses import bad_address

_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 300.0


class WordPressSettings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One user of one site.

    Attributes:
        base_url: where WordPress answers (its "WordPress address"); ends in a slash.
        user: whose application password it is; the author of the posts.
        password: where it is: `env:NAME` or `file:PATH`, never the password itself.
        api: root of the REST API where it is not `?rest_route=/` below `base_url`, e.g. "https://example.com/wp-json/".
        categories: what every post is filed under, by name; empty: the site's default.
        on_delete: `trash` keeps what was taken away for the site's usual 30 days, `erase` does not.
        timeout: span for connecting, and again for the answer.
    """

    kind: str = "wordpress"
    base_url: str
    user: str
    password: str = "env:WORDPRESS_PASSWORD"  # noqa: S105 - a reference, as everything that may stand here
    api: str = ""
    categories: tuple[str, ...] = ()
    on_delete: Literal["trash", "erase"] = "trash"
    timeout: str = "30s"

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    @property
    def root(self) -> str:
        """Return what the path of a resource is put behind; works whatever the site's permalinks look like."""
        return self.api or f"{self.base_url}?rest_route=/"

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        for field, url in (("base_url", self.base_url), *((("api", self.api),) if self.api else ())):
            yield from bad_address(field, url)
            if not url.endswith("/"):
                yield field, f"found {url!r} without a slash at its end", f'write e.g. {field} = "{url.rstrip("/")}/"'
        if "?" in self.base_url:
            yield "base_url", "found a query in the address", 'write e.g. base_url = "https://example.com/"'
        if not self.user.strip() or ":" in self.user or not self.user.isprintable():
            yield "user", f"found {self.user!r}, allowed: a user name without a colon", "write the user's login name"
        wrong = references.problem(self.password)
        if wrong:
            yield "password", wrong, references.FIX
        yield from bad_span("timeout", self.timeout, _SHORTEST_S, _LONGEST_S)
