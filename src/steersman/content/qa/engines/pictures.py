"""Pictures that a draft shows and that are not there, or cannot go along."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from steersman.content.images import Shown, locate
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found


class PictureFiles:
    """Looks for the file of every local picture, of Markdown and of HTML; reads no address on the network."""

    name = "pictures"

    def __init__(self, root: Path, folder: str) -> None:
        self._root = root
        self._folder = folder

    def check(self, draft: Draft) -> list[Found]:
        found = []
        for link in draft.masked.links:
            address = unquote(link.url).partition("#")[0].partition("?")[0]
            line = draft.masked.lines.position(link.start)[0]
            shown = Shown(name=address, alt="", line=line)
            if not link.is_image or not address or not shown.is_local:
                continue
            picture = locate(self._root, self._folder, draft, shown)
            if picture.problem:
                found.append(
                    Found(
                        start=link.start,
                        end=link.end,
                        source=self.name,
                        rule="MissingImage",
                        category="assets",
                        message=f"{picture.problem[0].upper()}{picture.problem[1:]}; {picture.fix}",
                        # The message names a file of the workspace.
                        is_private=True,
                    )
                )
        return found
