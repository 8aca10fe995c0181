"""The channel: record, pages, manifest, commit, in this order, so that every crash leaves something to go on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import msgspec

from steersman.content.adapters.media import content_of
from steersman.content.adapters.site.git import Repository
from steersman.content.adapters.site.lock import Held, exclusive
from steersman.content.adapters.site.pages import MEDIA, Record, build, media_name, record
from steersman.content.adapters.site.settings import SiteSettings
from steersman.content.files import put
from steersman.content.ports import Engagement, Limits, Post, Publication
from steersman.kernel.errors import Corrupt, Rejected, Unavailable

_ATOM: Final = "{http://www.w3.org/2005/Atom}"


class SiteChannel:
    """Static pages in a folder of the workspace."""

    def __init__(self, *, settings: SiteSettings, root: Path) -> None:
        self._settings = settings
        self._folder = root / settings.folder
        self._records = self._folder / ".posts"
        self._manifest = self._records / "manifest.json"
        self._lock = root / ".steersman" / f"{settings.folder.replace('/', '-')}.lock"
        self._git = Repository(self._folder, author=settings.author, email=settings.email) if settings.git else None

    @property
    def limits(self) -> Limits:
        return Limits()

    def remote_key(self, key: str, at: int) -> str:
        return key

    def lookup(self, post: Post) -> Publication | None:
        with exclusive(self._lock) as held:
            self._clear(held)
            shown = self._shown(self._read().get(post.key))
        if shown is None or shown.content_sha256 == post.content_sha256:
            return shown
        return msgspec.structs.replace(shown, content_sha256="")

    def delete(self, post: Post) -> None:
        if not self._folder.is_dir():
            return
        try:
            with exclusive(self._lock) as held:
                self._clear(held)
                self._delete(post, held)
        except OSError as exc:
            raise self._unwritable(exc) from exc

    def engagement(self, post: Post) -> Engagement | None:
        return None

    def publish(self, post: Post) -> Publication:
        try:
            with exclusive(self._lock) as held:
                self._clear(held)
                return self._publish(post, held)
        except OSError as exc:
            raise self._unwritable(exc) from exc

    def _unwritable(self, exc: OSError) -> Unavailable:
        return Unavailable(
            f"the site cannot be written: {exc.strerror or exc}", fix=f"check {self._settings.folder}/ and the disk"
        )

    def _clear(self, held: Held) -> None:
        if self._git is not None and self._folder.is_dir():
            self._git.prepare(held)

    def _publish(self, post: Post, held: Held) -> Publication:
        records = self._read()
        before = records.get(post.key)
        shown = self._shown(before)
        if shown is not None and shown.content_sha256 == post.content_sha256:
            return shown
        taken = next((r.key for r in records.values() if r.slug == post.slug and r.key != post.key), None)
        if taken is not None:
            raise Rejected(f"the address {post.slug} belongs to {taken}", fix="write another slug: in the front matter")
        new = record(post)
        records[post.key] = new
        for one in post.media:
            _write(self._folder / MEDIA / media_name(one), content_of(one))
        self._build(records)
        if self._git is None:
            return self._publication(new, new.content_sha256[:12])
        self._git.prepare(held)
        commit = self._git.commit(post, held=held)
        self._push(held)
        return self._publication(new, commit)

    def _delete(self, post: Post, held: Held) -> None:
        records = self._read()
        one = records.pop(post.key, None)
        # Without a record too: a crash may have left its page, or the commit, for this call.
        self._build(records)
        if self._git is not None:
            self._git.prepare(held)
            self._git.delete(post.key, one.title if one else post.title, at=post.updated_at, held=held)
            self._push(held)

    def _push(self, held: Held) -> None:
        if self._git is not None and self._settings.remote and self._git.has_commits():
            self._git.push(self._settings.remote, self._settings.branch, held=held)

    def _build(self, records: dict[str, Record]) -> None:
        """Write every file that differs, the manifest after all it names, and clear away what it does not name."""
        names = {key: f"{one.slug}.{one.content_sha256[:12]}.json" for key, one in records.items()}
        for key, one in records.items():
            _write(self._records / names[key], msgspec.json.format(msgspec.json.encode(one), indent=1))
        files = build(list(records.values()), self._settings)
        for path, content in files.items():
            _write(self._folder / path, content)
        self._count(len(records))
        _write(self._manifest, msgspec.json.format(msgspec.json.encode(names, order="sorted"), indent=1))
        wanted = {self._folder / path for path in files} | {self._records / name for name in names.values()}
        wanted.add(self._manifest)
        wanted |= {self._folder / MEDIA / name for one in records.values() for name in one.media}
        kept = (self._folder / "posts", self._folder / MEDIA, self._records)
        ours = (*(path for folder in kept for path in folder.glob("*")), *self._folder.glob(".*.tmp"))
        for stray in ours:
            if stray not in wanted:
                stray.unlink()

    def _count(self, expected: int) -> None:
        """Refuse a feed that does not show every post: a build that loses one must not look like a success.

        Raises:
            Corrupt: the feed on disk is no XML, or has another number of entries.
        """
        path = self._folder / "feed.xml"
        try:
            # Our own output, read back; nothing in it comes from a network.
            entries = len(ElementTree.fromstring(path.read_bytes()).findall(f"{_ATOM}entry"))  # noqa: S314 - our own feed, just written
        except ElementTree.ParseError as exc:
            raise Corrupt(f"feed.xml is not XML: {exc}", fix="report this with the draft that led to it") from exc
        if entries != expected:
            raise Corrupt(
                f"feed.xml has {entries} entries for {expected} posts", fix="report this with the draft that led to it"
            )

    def _read(self) -> dict[str, Record]:
        """Return the records the manifest names, by key.

        Raises:
            Corrupt: the manifest, or a record it names, cannot be read.
        """
        if not self._manifest.is_file():
            return {}
        try:
            names = msgspec.json.decode(self._manifest.read_bytes(), type=dict[str, str])
            return {
                key: msgspec.json.decode((self._records / Path(name).name).read_bytes(), type=Record)
                for key, name in names.items()
            }
        except (msgspec.DecodeError, OSError) as exc:
            raise Corrupt(
                f"the site's records cannot be read: {exc}", fix=f"restore {self._settings.folder}/.posts from git"
            ) from exc

    def _shown(self, one: Record | None) -> Publication | None:
        if one is None or not (self._folder / one.path).is_file():
            return None
        if self._git is None:
            return self._publication(one, one.content_sha256[:12])
        commit = self._git.find(one.key, one.content_sha256)
        remote = self._settings.remote
        if commit is None or (remote and not self._git.has_pushed(commit, remote, self._settings.branch)):
            return None
        return self._publication(one, commit)

    def _publication(self, one: Record, revision: str) -> Publication:
        return Publication(
            key=one.key,
            url=f"{self._settings.base_url}{one.path}",
            revision=revision,
            content_sha256=one.content_sha256,
            remote_id=one.path,
        )


def _write(path: Path, content: bytes) -> None:
    # A file that stays what it is keeps its time, and costs no sync.
    if not path.is_file() or path.read_bytes() != content:
        put(path, content)


def create(*, settings: SiteSettings, root: Path, secret: Callable[[str], str] | None = None) -> SiteChannel:
    """Return the site in `root / settings.folder`; nothing is written before the first post."""
    return SiteChannel(settings=settings, root=root)
