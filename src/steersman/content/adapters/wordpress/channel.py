"""The channel: a draft under the slug, then published by its id; a second draft is never the way on."""

from __future__ import annotations

import html
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from steersman.content.adapters.doubts import already_out, nothing_out
from steersman.content.adapters.media import content_of
from steersman.content.adapters.wordpress import mark
from steersman.content.adapters.wordpress.api import STATUSES, Api
from steersman.content.adapters.wordpress.mark import Mark
from steersman.content.adapters.wordpress.settings import WordPressSettings
from steersman.content.html import images_in, to_html
from steersman.content.ports import Engagement, Limits, Post, Publication
from steersman.kernel.clock import utc
from steersman.kernel.errors import OutcomeUnknown, Rejected, Unavailable

Shown = dict[str, Any]
_PUBLIC: Final = ("publish", "private")
_TRIES: Final = 3
_LONGEST_SLUG: Final = 200
_NO_HASH: Final = "0" * 64


class WordPressChannel:
    """Posts of one user on one site."""

    def __init__(self, *, settings: WordPressSettings, api: Api) -> None:
        self._settings = settings
        self._api = api

    @property
    def limits(self) -> Limits:
        return Limits(has_engagement=True)

    def remote_key(self, key: str, at: int) -> str:
        return key.rpartition("/")[2]

    def lookup(self, post: Post) -> Publication | None:
        for found in self._ours(post):
            if found["status"] in _PUBLIC:
                return _publication(post, found)
        return None

    def publish(self, post: Post) -> Publication:
        ours = self._ours(post)
        if ours and ours[0]["status"] in _PUBLIC:
            shown = _publication(post, ours[0])
            if shown.content_sha256 == post.content_sha256:
                return shown
        with nothing_out():
            fields = self._fields(post)
            stored = None if ours else self._draft(post, fields)
            for stray in ours[1:]:
                if stray["status"] == "draft":
                    self._api.delete(int(stray["id"]), for_good=True)
        target = stored or ours[0]
        if target["status"] not in _PUBLIC:
            fields |= {"status": "publish", "slug": post.slug}
        return _publication(post, self._show(post, int(target["id"]), fields, stored))

    def delete(self, post: Post) -> None:
        for_good = self._settings.on_delete == "erase"
        with nothing_out():
            for found in self._ours(post):
                if for_good or found["status"] != "trash":
                    self._api.delete(int(found["id"]), for_good=for_good)

    def engagement(self, post: Post) -> Engagement | None:
        for found in self._ours(post):
            if found["status"] in _PUBLIC:
                return Engagement(counts={"comments": self._api.comments(int(found["id"]))})
        return None

    def _ours(self, post: Post) -> list[Shown]:
        """Return what WordPress has of this post: what readers see first, then by slug, the trash last."""
        whose = mark.owner(post.key)
        if post.remote_id:
            # Known by its id, it is ours even if somebody has edited our mark away.
            known = self._api.post(post.remote_id)
            if known is not None:
                return [known]
        slugs = [post.slug, f"{post.slug}__trashed", f"{post.slug}-2", f"{post.slug}-3"]
        found = [one for one in self._api.posts(slugs) if _is_of(one, whose)]
        return sorted(found, key=lambda one: (_rank(one), one["slug"] != post.slug, int(one["id"])))

    def _fields(self, post: Post) -> Shown:
        """Return what the post is to show, its pictures uploaded and its tags made."""
        items = {media.name: self._api.media(media, content_of(media)) for media in post.media}
        in_body = set(images_in(post.body)) if post.media else set()
        leading = next((items[media.name] for media in post.media if media.name not in in_body), None)
        body = to_html(post.body, {name: str(item["source_url"]) for name, item in items.items()})
        tags = dict.fromkeys(self._api.term("tags", tag) for tag in post.tags if tag.strip())
        fields: Shown = {
            "title": mark.text(post.title),
            "excerpt": mark.text(post.summary),
            "content": mark.block(body),
            "tags": list(tags),
        }
        if self._settings.categories:
            fields["categories"] = [self._api.term("categories", name) for name in self._settings.categories]
        if leading is not None:
            fields["featured_media"] = int(leading["id"])
        return fields

    def _draft(self, post: Post, fields: Shown) -> Shown:
        """Make the draft and return it as WordPress stored it.

        Raises:
            Rejected: the address is somebody else's, or one WordPress keeps for itself.
            Unavailable: another request of ours has made it meanwhile.
        """
        if len(post.slug) > _LONGEST_SLUG:
            raise Rejected(
                f"wordpress: the slug has {len(post.slug)} characters, WordPress keeps {_LONGEST_SLUG}",
                fix="write a shorter slug: in the front matter",
            )
        whose = Mark(owner=mark.owner(post.key), content_sha256=post.content_sha256, shown_sha256=_NO_HASH)
        made = self._api.create(
            {
                **fields,
                "content": mark.marked(fields["content"], whose),
                "slug": post.slug,
                "status": "draft",
                "date_gmt": _time(post.published_at),
            }
        )
        if made["slug"] == post.slug:
            return made
        # Another post has the address: WordPress says so only by giving another one.
        self._api.delete(int(made["id"]), for_good=True)
        if self._ours(post):
            raise Unavailable("wordpress: another request has just made the draft", fix="tried again by itself")
        raise Rejected(
            f"wordpress: the address {post.slug} is not free; WordPress offers {made['slug']}",
            fix="write another slug: in the front matter, or delete the other post (look in the trash too)",
        )

    def _show(self, post: Post, identifier: int, fields: Shown, stored: Shown | None) -> Shown:
        """Change the post and its mark until what WordPress stored is what the mark says.

        Args:
            stored: the draft just made of `fields`: it tells already what the site's filters make of them.
        """
        content = stored["content"]["raw"] if stored else fields["content"]
        expected = mark.shown(stored) if stored else _as_sent(fields)
        for turn in range(_TRIES):
            told = Mark(owner=mark.owner(post.key), content_sha256=post.content_sha256, shown_sha256=expected)
            with already_out() if turn else nullcontext():
                shown = self._api.change(identifier, {**fields, "content": mark.marked(content, told)})
            if shown["status"] == "future":
                # Its clock is behind ours: left alone, it would wait for a scheduler that may never run.
                fields = {**fields, "date_gmt": shown["modified_gmt"]}
            elif mark.shown(shown) == expected and mark.find(shown["content"]["raw"]) == told:
                return shown
            content, expected = shown["content"]["raw"], mark.shown(shown)
        raise OutcomeUnknown(
            "wordpress: a plugin changes the post each time it is stored",
            fix="switch off plugins that rewrite posts on saving, or give the user the role of an editor",
        )


def _as_sent(fields: Shown) -> str:
    """Return the hash of what will be shown if WordPress changes nothing."""
    raw = {name: {"raw": fields[name]} for name in ("title", "excerpt", "content")}
    return mark.shown({**raw, "tags": fields["tags"]})


def _is_of(found: Shown, whose: str) -> bool:
    told = mark.find(found["content"]["raw"])
    return told is not None and told.owner == whose


def _rank(found: Shown) -> int:
    return STATUSES.index(found["status"]) if found["status"] in STATUSES else len(STATUSES)


def _publication(post: Post, found: Shown) -> Publication:
    told, shown = mark.find(found["content"]["raw"]), mark.shown(found)
    is_exact = told is not None and told == Mark(
        owner=mark.owner(post.key), content_sha256=post.content_sha256, shown_sha256=shown
    )
    return Publication(
        key=post.key,
        url=html.unescape(str(found["link"])),
        # Its time of change has whole seconds only.
        revision=f"{found['modified_gmt']}-{shown[:12]}",
        content_sha256=post.content_sha256 if is_exact else "",
        remote_id=str(found["id"]),
    )


def _time(at: int) -> str:
    return f"{utc(at):%Y-%m-%dT%H:%M:%S}"


def create(*, settings: WordPressSettings, root: Path, secret: Callable[[str], str]) -> WordPressChannel:
    """Return the channel; nothing is sent before the first post.

    Raises:
        Misconfigured: the password cannot be read.
    """
    return WordPressChannel(settings=settings, api=Api(settings, secret(settings.password)))
