"""`content check --llm --review`, `content suggest` and `ai status`, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.builders_ai import remark, remarks
from tests.builders_content import write_draft
from tests.local_server import LocalServer, Reply, reply

from steersman.cli.main import run as run_noun

SECRET = "sk-proj-plantedplantedplanted01"
BODY = f"We want go home to the sea. My key is {SECRET} and that is that.\n"


def model_toml(*answers: str, price: str = "1") -> str:
    return (
        f'[ai]\ndaily_budget = "1"\n\n[model.scripted]\nkind = "memory"\ninput_price = "{price}"\n'
        f'output_price = "{price}"\nanswers = {json.dumps(answers)}\n'
    )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "content").mkdir()
    write_draft(tmp_path, body=BODY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(root: Path, settings: str, *args: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    (root / "steersman.toml").write_text(settings, encoding="utf-8")
    code = run_noun(args[0], args[1:])
    out = capsys.readouterr()
    return code, out.out, out.err


def everything_written(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (root / ".steersman").rglob("*") if path.is_file())


def test_remarks_of_a_model_are_findings_and_cost_is_said_before_and_after(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = remarks(remark("want go", "want to go", kind="function_word"), remark("the mountains"))
    code, out, err = run(root, model_toml(said), "content", "check", "--llm", "--json", capsys=capsys)
    assert code == 0
    [finding] = [one for one in json.loads(out) if one["source"] == "llm"]
    assert (finding["rule"], finding["severity"], finding["suggestions"]) == ("FunctionWord", "warn", ["want to go"])
    assert "1 part to scripted on this machine, about 0.0" in err
    assert "1 place redacted" in err
    assert "1 of 1 part read by scripted, cost 0.0" in err
    assert "1 remark dropped: 1 not found" in err
    assert SECRET.encode() not in everything_written(root)


def test_a_budget_that_is_reached_fails_the_check_and_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(root, model_toml(remarks(), price="900000"), "content", "check", "--llm", capsys=capsys)
    assert code == 1
    assert "not all was read" in err
    assert "of today's budget" in err
    assert "llm: FAILED" in out
    assert "content publish" not in out, "nobody is told to publish what was not all read"


def test_a_model_that_settings_name_is_always_asked_unless_told_not_to(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = '[content]\nllm = "scripted"\n\n' + model_toml(remarks(remark("want go")))
    assert "llm/" in run(root, settings, "content", "check", capsys=capsys)[1]
    assert "llm/" not in run(root, settings, "content", "check", "--no-llm", capsys=capsys)[1]


def test_show_prompt_prints_exactly_what_would_go_and_asks_nobody(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(root, model_toml(), "content", "check", "--llm", "--show-prompt", capsys=capsys)
    assert (code, err) == (0, "")
    assert "You proofread one part of a post" in out
    assert "My key is [redacted] and that is that." in out
    assert SECRET not in out
    assert "cost 0" not in run(root, model_toml(), "ai", "status", capsys=capsys)[1]


def test_a_reviewer_that_fails_fails_the_check(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalServer(lambda _: Reply(status=500)) as server:
        settings = f'[reviewer.lt]\nkind = "languagetool"\nurl = "{server.url}"\n'
        code, out, err = run(root, settings, "content", "check", "--review", "lt", capsys=capsys)
        assert (code, "lt: FAILED" in out, "answered 500" in err) == (1, True, True)
        listed = json.loads(run(root, settings, "content", "reviewers", "--json", capsys=capsys)[1])
    assert listed["latest"][0]["problem"] == "POST /check: answered 500"


def test_text_does_not_leave_the_machine_unasked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = '[reviewer.lt]\nkind = "languagetool"\nurl = "https://languagetool.invalid"\n'
    code, _, err = run(root, settings, "content", "check", "--review", "all", capsys=capsys)
    assert code == 1
    assert "not asked: its text would leave this machine" in err
    assert "remote = true" in err


def test_a_low_score_stops_a_draft_also_later(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    write_draft(root, body="Good words stand here. " * 20)
    monkeypatch.setenv("GRAMMARLY_SECRET", "client-secret-1")

    def respond(asked: Any) -> Reply:
        url = f"http://{asked.headers['host']}"
        return {
            "/token": reply({"access_token": "t"}),
            "/ecosystem/api/v2/scores": reply({"score_request_id": "i", "file_upload_url": f"{url}/up"}),
            "/up": Reply(body=b""),
            "/ecosystem/api/v2/scores/i": reply({"status": "COMPLETED", "score": {"general_score": 0.61}}),
        }[asked.path]

    with LocalServer(respond) as server:
        settings = (
            '[reviewer.gr]\nkind = "grammarly"\nclient_id = "me"\nclient_secret = "env:GRAMMARLY_SECRET"\n'
            f'min_score = 80\nbase_url = "{server.url}"\nauth_url = "{server.url}/token"\n'
        )
        code, out, err = run(root, settings, "content", "check", "--review", "gr", capsys=capsys)
        assert (code, "gr: general 61" in err) == (1, True)
        assert "its general score is 61, below the minimum of 80" in " ".join(out.split())
        asked = len(server.asked)
        code, out, _ = run(root, settings, "content", "check", capsys=capsys)
        assert (code, "gr/ScoreBelowMinimum.general" in out) == (1, True)
        assert len(server.asked) == asked


def test_titles_that_say_more_than_the_draft_are_not_offered(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offered = {
        "titles": ["Home to the sea", "Why 90% go home", "Elon Musk goes home", "x" * 71, "<b>Home</b>"],
        "summaries": ["We want to go home to the sea.", "See https://evil.example/ for more."],
    }
    code, out, err = run(
        root, model_toml(json.dumps(offered)), "content", "suggest", "content/one.md", "--json", capsys=capsys
    )
    found = json.loads(out)
    assert code == 0
    assert (found["titles"], found["summaries"]) == (["Home to the sea"], ["We want to go home to the sea."])
    assert sum(found["dropped"].values()) == 5
    assert "at most" in err
    assert (root / "content/one.md").read_text(encoding="utf-8").count("A title") == 1


def test_status_shows_what_was_spent_and_forget_keeps_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = model_toml(remarks())
    run(root, settings, "content", "check", "--llm", capsys=capsys)
    before = json.loads(run(root, settings, "ai", "status", "--json", capsys=capsys)[1])
    assert (before["answers"], before["models"][0]["calls"], before["remote"]) == (1, 1, False)
    assert float(before["spent"]) > 0
    assert json.loads(run(root, settings, "ai", "forget", "--json", capsys=capsys)[1]) == {"forgotten": 1}
    after = json.loads(run(root, settings, "ai", "status", "--json", capsys=capsys)[1])
    assert (after["answers"], after["spent"]) == (0, before["spent"])


def test_options_that_contradict_each_other_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = model_toml(remarks())
    for args, says in (
        (("--model", "gone"), "no model 'gone'"),
        (("--review", "gone"), "no reviewer"),
        (("--no-llm", "--model", "scripted"), "--no-llm"),
        (("--llm", "--write-baseline"), "--write-baseline"),
    ):
        code, _, err = run(root, settings, "content", "check", *args, capsys=capsys)
        assert (code, says in err) == (2, True), err


@pytest.mark.parametrize("status", [403, 429, 503])
def test_what_a_server_says_back_is_not_recorded(root: Path, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    echo = reply({"message": "cannot read: We want go home", "error": "We want go home"}, status, Retry_After="5")
    with LocalServer(lambda _: echo) as server:
        settings = f'[reviewer.lt]\nkind = "languagetool"\nurl = "{server.url}"\n'
        code, _, err = run(root, settings, "content", "check", "--review", "lt", capsys=capsys)
    assert (code, str(status) in err) == (1, True)
    assert b"go home" not in everything_written(root)


def test_every_secret_that_settings_name_stays_here(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_SECRET", "correct-horse-battery")
    (root / ".steersman").mkdir()
    (root / ".steersman" / "api.token").write_text("token-of-this-desk", encoding="utf-8")
    write_draft(root, body="Say correct-horse-battery, token-of-this-desk and Acme Ltd to me.\n")
    settings = (
        model_toml().replace("[ai]\n", '[ai]\nredact = ["acme ltd"]\n')
        + '[provider.vendor]\nkind = "api_key"\nkey = "env:VENDOR_SECRET"\n'
    )
    _, out, _ = run(root, settings, "content", "check", "--show-prompt", capsys=capsys)
    assert "Say [redacted], [redacted] and [redacted] to me." in out
