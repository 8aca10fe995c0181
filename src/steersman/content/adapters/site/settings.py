"""`[channel.NAME]` with `kind = "site"`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from steersman.content.settings.channels import ChannelSettings

_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}")


class SiteSettings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Static pages in a folder.

    Attributes:
        folder: of the site, in the workspace.
        base_url: where that folder is served; ends in a slash, so that links can be put behind it.
        git: make one commit per post.
        remote: name of a remote of that repository to push each commit to; empty: none.
        branch: of the remote.
    """

    kind: str = "site"
    folder: str = "site"
    title: str = "Notes"
    base_url: str = "http://localhost/"
    author: str = "The desk"
    email: str = "desk@localhost"
    git: bool = True
    remote: str = ""
    branch: str = "main"

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        target, home = (root / self.folder).resolve(), root.resolve()
        if not self.folder or target == home or not target.is_relative_to(home):
            yield "folder", f"found {self.folder!r}, allowed: a path inside the workspace", 'write e.g. "site"'
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.netloc or not url.path.endswith("/") or url.query:
            yield (
                "base_url",
                f"found {self.base_url!r}, allowed: http(s)://HOST/PATH/ with a slash at its end",
                'write e.g. base_url = "https://example.com/"',
            )
        if self.remote and not self.git:
            yield "remote", f"found {self.remote!r} and git = false, allowed: a remote with git = true", "take one out"
        for field, text in (("remote", self.remote or "origin"), ("branch", self.branch)):
            if not _REF.fullmatch(text):
                yield field, f"found {text!r}, allowed: letters, digits, dots, slashes and dashes", f"write a {field}"
        for field, text in (("title", self.title), ("author", self.author), ("email", self.email)):
            # Git cuts these characters out of a name, and a name of nothing else is refused.
            if not text.strip() or re.search(r"[<>\n\x00]", text):
                yield field, f"found {text!r}, allowed: text without < and >", f"write a {field}"
