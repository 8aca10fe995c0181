"""`steersman content` on a real workspace: what it prints, what it records, how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from tests.builders_cli import Said
from tests.builders_content import commits, write_draft

from steersman.cli.context import opened

TOML = """
[content]
banned = ["synergy effects"]

[channel.site]
kind = "site"
base_url = "https://example.com/"
author = "A. Author"
"""
# What SARIF 2.1.0 requires of the parts we write (its own schema is not shipped with the tests).
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results", "columnKind"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {"type": "array", "uniqueItems": True, "items": {"required": ["id"]}}
                                },
                            }
                        },
                    },
                    "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "locations", "partialFingerprints"],
                            "properties": {
                                "message": {"required": ["text"]},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "suppressions": {
                                    "type": "array",
                                    "items": {
                                        "required": ["kind"],
                                        "properties": {"kind": {"enum": ["inSource", "external"]}},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def content(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys, "content")


def test_an_empty_desk_teaches_the_next_step(desk: Path, content: Said) -> None:
    assert content("list") == 0
    assert "no drafts yet" in content.out
    assert content("check") == 0
    assert "no drafts yet" in content.out
    assert content("publish", "--yes") == 0
    assert "no drafts to publish" in content.out
    assert content.json("list") == []


def test_a_preview_without_a_channel_says_so(desk: Path, content: Said) -> None:
    (desk / "steersman.toml").write_text("[content]\n", encoding="utf-8")
    write_draft(desk)
    assert content("preview", "one") == 2
    assert "no channel to publish on" in content.err


def test_check_names_place_words_reason_and_suggestion_within_80_columns(desk: Path, content: Said) -> None:
    write_draft(desk, body="I recieve 🎉 synergy effects, and the the rest of it is a long line of plain words.\n")
    assert content("check") == 1
    assert "content/one.md:6:3  gate  harper/SpellCheck" in content.out
    assert "“recieve”  Did you mean to spell" in content.out
    assert "→ 'receive'" in content.out
    assert "content/one.md:6:13  gate  house/BannedPhrase" in content.out
    assert all(len(line) <= 80 for line in content.out.splitlines())


def test_json_findings_carry_offsets_of_the_file_on_disk(desk: Path, content: Said) -> None:
    path = desk / "content" / "one.md"
    path.parent.mkdir()
    path.write_bytes("\ufeff---\r\ntitle: T\r\n---\r\n\r\n🎉 `x` A TODO\r\n".encode())
    (finding,) = content.json("check")
    text = path.read_bytes().decode()
    assert text[finding["start"] : finding["end"]] == "TODO"
    assert (finding["line"], finding["column"], finding["severity"]) == (5, 9, "gate")


def test_sarif_has_what_the_standard_requires_and_keeps_what_is_suppressed(desk: Path, content: Said) -> None:
    write_draft(desk, body="A TODO.\n\nA TODO there. <!-- steersman: ignore Unfinished (quoted) -->\n")
    write_draft(desk, "broken.md", status="nonsense")
    target = desk / "out.sarif"
    assert content("check", "--sarif", str(target)) == 1
    log = json.loads(target.read_text(encoding="utf-8"))
    assert content("check", "--format", "sarif") == 1
    assert json.loads(content.out) == log
    jsonschema.validate(log, SARIF)
    (done,) = log["runs"]
    one, two = done["results"]
    assert (one["suppressions"], two["suppressions"]) == ([], [{"kind": "inSource", "justification": "quoted"}])
    assert one["partialFingerprints"] != two["partialFingerprints"]
    assert done["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] == "house/Unfinished"
    assert one["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 6, "startColumn": 3, "charOffset": 40, "charLength": 4,
    }  # fmt: skip
    (notice,) = done["invocations"][0]["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}


def test_publishing_shows_asks_and_does_it_once(desk: Path, content: Said) -> None:
    write_draft(desk)
    assert content("publish", "--dry-run") == 0
    assert "publish     content/one.md  on site" in content.out
    assert not (desk / "site").exists()
    assert content("publish") == 1, "nobody is there to ask"
    assert "--yes" in content.err
    assert not (desk / "site").exists()
    assert content("publish", "--yes") == 0
    assert "https://example.com/posts/one.html" in content.out
    assert content("publish", "--yes") == 0
    assert "unchanged" in content.out
    assert commits(desk / "site") == ["site/one"]
    (row,) = content.json("list")
    assert (row["status"], row["url"]) == ("published", "https://example.com/posts/one.html")


def test_a_stopped_draft_is_a_no_by_hand_and_no_failure_on_schedule(desk: Path, content: Said) -> None:
    write_draft(desk, "good.md")
    write_draft(desk, "stopped.md", body="A TODO.\n")
    assert content("publish", "content/stopped.md", "--yes") == 1
    assert content("publish", "--due", "--yes") == 0
    outcomes = {o["draft"]: o["action"] for o in content.json("publish", "--due", "--dry-run")}
    assert outcomes == {"content/good.md": "unchanged", "content/stopped.md": "blocked"}
    assert content("list") == 0
    assert "blocked" in content.out


def test_a_run_of_an_automation_is_named_as_the_one_that_published(
    desk: Path, content: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEERSMAN_RUN_ID", "publish_drafts-1")
    write_draft(desk)
    assert content("publish", "--due", "--yes") == 0
    with opened(desk) as workspace:
        actors = {e.actor for e in workspace.ledger.read(types=("content.*",))}
    assert actors == {"automation:publish_drafts-1"}


def test_a_wrong_name_is_wrong_usage_with_a_way_out(desk: Path, content: Said) -> None:
    assert content("check", "content/none.md") == 2
    assert "content list" in content.err
    write_draft(desk)
    assert content("publish", "--channel", "blog") == 2
    assert "site" in content.err


@pytest.mark.parametrize(
    ("section", "place", "found"),
    [
        ('[content]\nfolder = "../out"\n', "steersman.toml:2: content.folder", "'../out'"),
        ("[content]\nmax_size_kb = 0\n", "steersman.toml:2: content.max_size_kb", "1 to 65536"),
        ('[content]\nfoldr = "x"\n', "steersman.toml:2", "did you mean `folder`?"),
        ('[content]\nvocabulary = "content/none.txt"\n', "steersman.toml:2", "no such file"),
        ('[content]\ndialect = "latin"\n', "steersman.toml:2", "american"),
        ('[content]\ngates = ["speling", "my-own"]\n', "steersman.toml:2: content.gates", "did you mean 'spelling'?"),
        ('[channel.site]\nkind = "sit"\n', "steersman.toml:2: channel.site.kind", "did you mean 'site'?"),
        (
            '[channel.site]\nkind = "site"\nbase_url = "example.com"\n',
            "steersman.toml:3: channel.site.base_url",
            "http",
        ),
        ('[channel.site]\nkind = "site"\nfolder = "."\n', "steersman.toml:3: channel.site.folder", "'.'"),
        ('[channel.site]\nkind = "site"\nauthor = "<x>"\n', "steersman.toml:3: channel.site.author", "'<x>'"),
        ('[channel.site]\nfolder = "site"\n', "steersman.toml:1: channel.site", "`kind` is missing"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(
    desk: Path, content: Said, section: str, place: str, found: str
) -> None:
    (desk / "steersman.toml").write_text(section, encoding="utf-8")
    assert content("list") == 2
    assert place in content.err
    assert found in content.err


def test_help_loads_no_dictionary_parser_or_template() -> None:
    code = (
        "import sys\nfrom steersman.cli.main import run\nrun('content', ['--help'])\n"
        "heavy = {'harper', 'markdown_it', 'yaml', 'jinja2', 'apsw', 'frontmatter'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "publish" in done.stdout
