"""A receiver of webhooks that keeps docs/reference/publishing.md: signature, idempotency, look-up.

It is as unhelpful as a receiver may be about everything else: a delivery under another idempotency key is another
post, whatever it says.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from steersman.bootstrap.proof.platforms.server import Answer, Request, Shelf, json_answer, run

SECRET: Final = "proof-secret"  # noqa: S105 - of a receiver on 127.0.0.1 that holds nothing
SECRETS: Final = {"STEERSMAN_PROOF_WEBHOOK": SECRET}
_HOOK: Final = "/hook"
_POSTS: Final = "/posts/"


class Receiver:
    """POST `/hook` takes deliveries; GET `/posts/KEY` says what is shown."""

    def __init__(self, state: Path, *, secret: str = SECRET) -> None:
        self._shelf = Shelf(state)
        self._secret = secret.encode()

    def answer(self, request: Request) -> Answer:
        if request.method == "GET" and request.path.startswith(_POSTS):
            return self._shown(unquote(request.path.removeprefix(_POSTS)))
        if request.method != "POST" or request.path != _HOOK:
            return json_answer({"error": "nothing here"}, 404)
        if not self._is_signed(request):
            return json_answer({"error": "the signature is wrong"}, 401)
        return self._take(request)

    def forget(self) -> None:
        """Forget every idempotency key: the time for which they are kept is over."""
        state = self._shelf.read()
        if state:
            self._shelf.write({**state, "deliveries": {}})

    def _is_signed(self, request: Request) -> bool:
        stamp = request.headers.get("webhook-timestamp", "")
        signed = hmac.new(self._secret, f"{stamp}.".encode() + request.body, hashlib.sha256).hexdigest()
        return stamp.isdigit() and hmac.compare_digest(request.headers.get("webhook-signature", ""), f"sha256={signed}")

    def _take(self, request: Request) -> Answer:
        state = self._shelf.read()
        deliveries, posts = state.setdefault("deliveries", {}), state.setdefault("posts", [])
        once = request.headers.get("idempotency-key", "")
        if once in deliveries:
            return json_answer(deliveries[once])
        told: dict[str, Any] = request.json()
        post, event = told["post"], told["event"]
        mine = [one for one in posts if one["key"] == post["key"]]
        if event == "post.deleted":
            state["posts"] = [one for one in posts if one["key"] != post["key"]]
        elif event == "post.updated" and mine:
            mine[-1].update({**post, "id": mine[-1]["id"]})
        else:
            state["made"] = state.get("made", 0) + 1
            posts.append({**post, "id": str(state["made"])})
        deliveries[once] = _reply(next((one for one in state["posts"] if one["key"] == post["key"]), None))
        self._shelf.write(state)
        return json_answer(deliveries[once])

    def _shown(self, key: str) -> Answer:
        found = next((one for one in self._shelf.read().get("posts", []) if one["key"] == key), None)
        return json_answer({"error": "no such post"}, 404) if found is None else json_answer(_reply(found))


def _reply(post: dict[str, Any] | None) -> dict[str, str]:
    if post is None:
        return {}
    return {
        "id": post["id"],
        "url": f"https://receiver.example/{post['slug']}",
        "content_sha256": post["content_sha256"],
    }


def count(state: Path) -> dict[str, int]:
    """Return how many posts there are under each key."""
    return dict(Counter(one["key"] for one in Shelf(state).read().get("posts", [])))


def settings(url: str) -> dict[str, object]:
    """Return what `[channel.NAME]` says to publish on the receiver at `url`."""
    return {
        "kind": "webhook",
        "url": f"{url}{_HOOK}",
        "lookup_url": f"{url}{_POSTS}{{key}}",
        "secret": "env:STEERSMAN_PROOF_WEBHOOK",
    }


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    return run("webhook", Receiver, argv)


if __name__ == "__main__":
    sys.exit(main())
