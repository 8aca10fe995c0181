"""The webhook channel against a receiver that answers late, wrong, or not at all: one post, and clear words."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.builders_channels import a_png
from tests.builders_content import a_post, a_publisher, told, write_draft
from tests.contracts.channels.webhook import settings

from steersman.bootstrap.proof.platforms import webhook as platform
from steersman.bootstrap.proof.platforms.server import Answer, Fault, Request, Server
from steersman.content.adapters.webhook import WebhookChannel
from steersman.content.adapters.webhook.settings import WebhookSettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Server]:
    with Server(platform.Receiver(tmp_path / "state")) as server:
        yield server


def a_channel(server: Server, **changes: str) -> WebhookChannel:
    given = msgspec.structs.replace(settings(server.url, timeout="300ms"), **changes)
    return WebhookChannel(settings=given, secret=platform.SECRET)


def count(root: Path) -> dict[str, int]:
    return platform.count(root / "state")


@pytest.mark.parametrize("how", ["silent", "reset", "garbled"])
@pytest.mark.parametrize("can_be_asked", [True, False])
def test_a_delivery_that_was_taken_and_not_answered_is_one_post(
    tmp_path: Path, receiver: Server, how: str, can_be_asked: bool
) -> None:
    channel = a_channel(receiver) if can_be_asked else a_channel(receiver, lookup_url="")
    ledger = memory_ledger()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    receiver.add(msgspec.convert({"how": how, "method": "POST"}, Fault))
    assert [o.outcome for o in publisher.publish_all()] == ["unconfirmed"]
    assert [o.outcome for o in publisher.publish_all()] == ["published"]
    assert count(tmp_path) == {"site/one": 1}
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged"]
    posted = [path for method, path in receiver.requests if method == "POST"]
    assert len(posted) == (1 if can_be_asked else 2), "what can be looked up is not sent again"
    assert "Some words" not in str(told(ledger))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault(how="answer", status=429, headers={"Retry-After": "7"}), Unavailable, "answered 429"),
        (Fault(how="answer", status=401, body='{"error": "bad signature"}'), Misconfigured, "refused (401)"),
        (Fault(how="answer", status=500, body="{}"), OutcomeUnknown, "answered 500"),
        (Fault(how="answer", status=422, body='{"error": "no tags"}'), Rejected, "answered 422: no tags"),
        (Fault(how="answer", status=302, headers={"Location": "https://other/?x=1"}), Misconfigured, "sent on to"),
        (Fault(how="refuse"), OutcomeUnknown, "no whole answer"),
        (Fault(how="answer", status=200, body="[1]"), OutcomeUnknown, "no JSON object"),
    ],
)
def test_every_answer_has_its_meaning(receiver: Server, fault: Fault, error: type[Exception], words: str) -> None:
    receiver.add(msgspec.structs.replace(fault, method="POST"))
    with pytest.raises(error) as caught:
        a_channel(receiver).publish(a_post())
    assert words in str(caught.value)
    assert platform.SECRET not in str(caught.value)
    if isinstance(caught.value, Unavailable) and "429" in words:
        assert caught.value.retry_after_s == 7


def test_nobody_there_is_unavailable_and_says_where(tmp_path: Path) -> None:
    with Server(platform.Receiver(tmp_path)) as server:
        channel = a_channel(server)
    with pytest.raises(Unavailable, match="no answer") as caught:
        channel.publish(a_post())
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_delivery_is_signed_over_its_time_and_every_byte() -> None:
    seen: list[Request] = []

    class Keeping:
        def answer(self, request: Request) -> Answer:
            seen.append(request)
            return Answer(body=b"{}", status=200 if request.method == "POST" else 404)

    with Server(Keeping()) as server:
        clock = FakeClock()
        channel = WebhookChannel(settings=settings(server.url), secret="s3cret", clock=clock)
        post = a_post(body="Grüße 🎉\n", tags=("a",))
        first = channel.publish(post)
        channel.publish(post)
        channel.publish(msgspec.structs.replace(post, updated_at=post.updated_at + 1))
    posted = [request for request in seen if request.method == "POST"]
    stamp = posted[0].headers["webhook-timestamp"]
    signature = hmac.new(b"s3cret", f"{stamp}.".encode() + posted[0].body, hashlib.sha256).hexdigest()
    assert posted[0].headers["webhook-signature"] == f"sha256={signature}"
    assert stamp == "1700000000"
    keys = [request.headers["idempotency-key"] for request in posted]
    assert keys[0] == keys[1] != keys[2], "the stored post again is the same delivery, another plan is not"
    told = json.loads(posted[0].body)
    assert (told["version"], told["event"], told["post"]["body"]) == (1, "post.published", "Grüße 🎉\n")
    assert first.url == "urn:steersman:site/one"


def test_pictures_are_part_of_the_delivery(tmp_path: Path, receiver: Server) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "x.png").write_bytes(a_png())
    write_draft(tmp_path, body="![A point](x.png)\n")
    a_publisher(tmp_path, memory_ledger(), a_channel(receiver)).publish_all()
    (post,) = json.loads((tmp_path / "state" / "state.json").read_bytes())["posts"]
    (media,) = post["media"]
    told = (media["name"], media["alt"], media["type"], media["size_bytes"])
    assert told == ("x.png", "A point", "image/png", len(a_png()))
    assert media["base64"].startswith("iVBORw0KGgo")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"url": "ftp://x"}, "url", "https"),
        ({"url": "http://example.com/hook"}, "url", "http"),
        ({"secret": "hunter2"}, "secret", "7 characters without env: or file:"),
        ({"lookup_url": "https://example.com/posts"}, "lookup_url", "{key} once"),
        ({"timeout": "1h"}, "timeout", "0.1 s to 5 m"),
        ({"timeout": "soon"}, "timeout", "soon"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, changes: dict[str, str], field: str, words: str) -> None:
    good = {"kind": "webhook", "url": "https://example.com/hook", "secret": "env:X"}
    assert list(msgspec.convert(good, WebhookSettings).problems(tmp_path)) == []
    problems = list(msgspec.convert({**good, **changes}, WebhookSettings).problems(tmp_path))
    assert [name for name, _, _ in problems] == [field]
    assert words in " ".join(problems[0])
    assert "hunter2" not in " ".join(problems[0])
