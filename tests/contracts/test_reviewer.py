"""What every reviewer promises, run on each adapter: it says before what it sends, and a failure is no clean draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.builders_ai import an_asker, remark, remarks
from tests.builders_content import a_draft
from tests.local_server import Asked, LocalServer, Reply, reply

from steersman.ai import Redactor
from steersman.bootstrap.plugins import factory, names, setting_type
from steersman.content.model.draft import Draft
from steersman.content.ports import Reviewer
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import SteersmanError, Unavailable

SECRET = "sk-proj-abcdefghij0123456789XYZ"
Open = Callable[[Path, bool], AbstractContextManager[tuple[Reviewer, Callable[[], bytes]]]]


def a_piece() -> Draft:
    return a_draft(f"Some worng words 🚀 with {SECRET} in them. {'They go on and on. ' * 10}\n")


def made(kind: str, root: Path, asker: Any = None, **fields: Any) -> Reviewer:
    """Return a reviewer as `bootstrap` makes it, from its entry points."""
    reviewer: Reviewer = factory("reviewers", kind)(
        name="it",
        settings=setting_type("reviewer", kind)(kind=kind, **fields),
        root=root,
        secret=lambda _: "secret-1",
        redactor=Redactor(),
        clock=FakeClock(),
        asker=lambda _: asker,
    )
    return reviewer


@contextmanager
def languagetool(root: Path, works: bool) -> Iterator[tuple[Reviewer, Callable[[], bytes]]]:
    def respond(asked: Asked) -> Reply:
        match = {"offset": 6, "length": 5, "message": "m", "rule": {"id": "R"}}
        return reply({"matches": [match]}) if works else Reply(status=503)

    with LocalServer(respond) as server:
        yield made("languagetool", root, url=server.url), lambda: b"".join(a.body for a in server.asked)


@contextmanager
def grammarly(root: Path, works: bool) -> Iterator[tuple[Reviewer, Callable[[], bytes]]]:
    def respond(asked: Asked) -> Reply:
        if not works:
            return Reply(status=503)
        return {
            "/token": reply({"access_token": "t"}),
            "/ecosystem/api/v2/scores": reply(
                {"score_request_id": "i", "file_upload_url": f"http://{asked.headers['host']}/up"}
            ),
            "/up": Reply(body=b""),
            "/ecosystem/api/v2/scores/i": reply({"status": "COMPLETED", "score": {"general_score": 0.5}}),
        }[asked.path]

    with LocalServer(respond) as server:
        fields = {
            "client_id": "me",
            "client_secret": "env:X",
            "base_url": server.url,
            "auth_url": f"{server.url}/token",
        }
        yield made("grammarly", root, **fields), lambda: b"".join(a.body for a in server.asked)


@contextmanager
def instructions(root: Path, works: bool) -> Iterator[tuple[Reviewer, Callable[[], bytes]]]:
    from steersman.ai.adapters.memory import ScriptedModel

    (root / "editor.md").write_text("Be kind.", encoding="utf-8")
    model = ScriptedModel([remarks(remark("worng words")) if works else Unavailable("down", fix="start it")])
    reviewer = made("instructions", root, an_asker(root, model=model), file="editor.md")
    yield reviewer, lambda: "".join(q.text + q.instructions for q in model.asked).encode()


REVIEWERS: dict[str, Open] = {"grammarly": grammarly, "instructions": instructions, "languagetool": languagetool}


@pytest.fixture(params=list(REVIEWERS))
def opened(request: pytest.FixtureRequest) -> Open:
    return REVIEWERS[request.param]


def test_every_installed_reviewer_is_held_to_this() -> None:
    assert names("reviewers") == sorted(REVIEWERS)


def test_an_announcement_asks_nobody_and_on_this_machine_nobody_is_asked_first(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, True) as (reviewer, sent):
        assert reviewer.announcement(a_piece())
        assert not reviewer.asks_first
        assert sent() == b""


def test_a_review_brings_findings_in_the_text_or_scores_of_a_hundred_under_its_name(
    opened: Open, tmp_path: Path
) -> None:
    draft = a_piece()
    with opened(tmp_path, True) as (reviewer, _):
        review = reviewer.review(draft)
    assert review.found or review.scores
    assert review.problem == ""
    for one in review.found:
        assert one.source == reviewer.name == "it"
        assert draft.masked.source[one.start : one.end].startswith("worng")
        assert one.is_private
    assert all(0 <= value <= 100 for value in review.scores.values())


def test_no_secret_of_a_draft_is_sent(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, True) as (reviewer, sent):
        reviewer.review(a_piece())
        assert b"worng" in sent()
        assert SECRET.encode() not in sent()


def test_a_reviewer_that_is_down_raises_and_says_what_to_do(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, False) as (reviewer, _), pytest.raises(SteersmanError) as error:
        reviewer.review(a_piece())
    assert isinstance(error.value, Unavailable)
    assert error.value.fix
