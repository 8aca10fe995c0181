"""Which posts are meant by the draft somebody wants taken away, also where that draft is gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from steersman.content.drafts import find_drafts, names_for, read_draft
from steersman.content.model.draft import DraftUnreadable
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.publishing.stored import PostStore
from steersman.content.settings import QaSettings
from steersman.kernel.errors import Misconfigured


def posts_of(
    only: Sequence[Path],
    *,
    root: Path,
    settings: QaSettings,
    channels: Iterable[str],
    outbox: Outbox,
    store: PostStore,
) -> dict[str, PostState]:
    """Return the posts of the drafts `only` that are, or may be, out on `channels`, by key.

    A draft that is gone, cannot be read, or changed its slug is still known by the name its posts were made under.

    Raises:
        Misconfigured: one of `only` is no draft, and never was one that went out.
    """
    known = {key: outbox.state(key) for key in store.all_keys()}
    made = {state.planned.draft for state in known.values() if state.planned is not None}
    names: set[str] = set()
    keys: set[str] = set()
    for path in only:
        try:
            found = find_drafts(root, settings, [path])
        except Misconfigured:
            found = [name for name in names_for(root, settings, path) if name in made]
            if not found:
                raise
        names.update(found)
        keys.update(f"{channel}/{slug}" for slug in _slugs(root, settings, found) for channel in channels)
    posts = known | {key: outbox.state(key) for key in sorted(keys - known.keys())}

    def is_meant(key: str, state: PostState) -> bool:
        if state.planned is None or state.planned.draft in names:
            return state.planned is not None
        # Under this slug another draft went out: it was renamed since, or the post is not this draft's to take away.
        return key in keys and not (root / state.planned.draft).is_file()

    return {
        key: state
        for key, state in posts.items()
        if state.was_ever_called and key.partition("/")[0] in channels and is_meant(key, state)
    }


def _slugs(root: Path, settings: QaSettings, names: Iterable[str]) -> Iterable[str]:
    for name in names:
        try:
            yield read_draft(root, name, settings).slug
        except DraftUnreadable:
            continue  # its posts are known by its name
