"""Posts as they were meant: stored whole, pictures included, before the channel hears of them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.bare import bare
from steersman.content.files import put
from steersman.content.images import EXTENSIONS
from steersman.content.ports import Media, Post
from steersman.kernel.errors import Corrupt, Unavailable

_MEDIA: Final = "media"


class PostStore:
    """The folder of posts: `<channel>/<slug>/<content_sha256>.json`, pictures in `media/` beside it. All private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, post: Post) -> Post:
        """Make `post` and its pictures durable; return it with the paths of the copies.

        Raises:
            Unavailable: the disk does not take it.
            Corrupt: a picture changed while it was read.
        """
        place = self._place(post.key)
        try:
            media = tuple(self._copy(place, one) for one in post.media)
            kept = msgspec.structs.replace(post, media=media)
            put(place / f"{post.content_sha256}.json", msgspec.json.encode(kept), private=True)
        except OSError as exc:
            raise Unavailable(
                f"the post cannot be stored: {exc.strerror or exc}", fix="check the disk and .steersman/outbox"
            ) from exc
        return kept

    def find(self, key: str, content_sha256: str) -> Post | None:
        """Return what was kept; None if nothing was (events of the first version), or it was cleared away.

        Raises:
            Corrupt: the file is not what was written.
        """
        place = self._place(key)
        path = place / f"{content_sha256}.json"
        try:
            post = msgspec.json.decode(path.read_bytes(), type=Post)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as exc:
            raise Corrupt(f"the stored post {key} cannot be read: {exc}", fix=f"restore {path} from a backup") from exc
        # The workspace may have been moved since.
        media = tuple(msgspec.structs.replace(m, path=str(place / _MEDIA / Path(m.path).name)) for m in post.media)
        return msgspec.structs.replace(post, media=media)

    def all_of(self, key: str) -> list[str]:
        """Return the hashes of all that is kept of a post, what was kept last first."""
        files = sorted(self._place(key).glob("*.json"), key=lambda path: (-path.stat().st_mtime_ns, path.name))
        return [path.stem for path in files]

    def keep_only(self, key: str, content_sha256s: frozenset[str]) -> None:
        """Clear away what no plan and no publication names any more."""
        place = self._place(key)
        wanted = {f"{sha}.json" for sha in content_sha256s}
        for sha in content_sha256s:
            post = self.find(key, sha)
            wanted |= {Path(one.path).name for one in post.media} if post is not None else set()
        for path in (*place.glob("*.json"), *place.glob(".*.tmp"), *place.glob(f"{_MEDIA}/*")):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def forget(self, key: str) -> None:
        """Clear everything of this post away."""
        shutil.rmtree(self._place(key), ignore_errors=True)

    def all_keys(self) -> list[str]:
        """Return the keys of all posts of which something is kept, sorted."""
        return sorted(f"{place.parent.name}/{place.name}" for place in self._folder.glob("*/*") if place.is_dir())

    def _place(self, key: str) -> Path:
        channel, _, slug = key.partition("/")
        return self._folder / channel / slug

    def _copy(self, place: Path, media: Media) -> Media:
        target = place / _MEDIA / f"{media.sha256}{EXTENSIONS.get(media.mime, '')}"
        if not target.is_file() or str(target) != media.path:
            try:
                content = bare(Path(media.path).read_bytes(), media.mime)
            except ValueError as exc:
                raise Corrupt(f"{media.name}: {exc}", fix="save it again as PNG or JPEG") from exc
            if hashlib.sha256(content).hexdigest() != media.sha256:
                raise Corrupt(f"{media.name} changed while it was read", fix="publish again")
            put(target, content, private=True)
        return msgspec.structs.replace(media, path=str(target))
