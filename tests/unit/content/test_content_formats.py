"""How findings leave: annotations that cannot be broken out of, and suppressions of the right kind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.model.finding import Found, judge
from steersman.content.qa.checker import Report
from steersman.content.qa.formats.github import github
from steersman.content.qa.formats.sarif import sarif
from steersman.content.qa.reporting import report_of, set_aside


def a_report(message: str = "m", doc: str = "content/one.md", rule: str = "R") -> Report:
    draft = a_draft("A teh b.\n")
    source = draft.masked.source
    at = source.index("teh")
    found = Found(
        start=at, end=at + 3, source="s", rule=rule, category="spelling", message=message, suggestions=("the",)
    )
    findings = judge(doc, source, draft.masked.lines, [found], ("spelling",))
    return report_of(draft, findings)


def test_a_finding_is_an_annotation_at_its_place() -> None:
    (line,) = github([a_report()])
    assert line == ("::error file=content/one.md,line=6,col=3,title=steersman%3A s/R,endColumn=6::“teh” m%0A→ 'the'")


@given(st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_no_text_breaks_out_of_an_annotation(message: str, doc: str) -> None:
    (line,) = github([a_report(message, doc)])
    assert "\n" not in line
    assert "\r" not in line
    command, properties, text = re.fullmatch(r"::(\w+) (.*?)::(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    assert command == "error"
    assert len(properties.split(",")) == 5
    read = text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert read == f"“teh” {message}\n→ 'the'"
    name = properties.split(",")[0].removeprefix("file=")
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        name = name.replace(escape, character)
    assert name == doc


def test_what_is_suppressed_has_no_annotation_and_a_refused_draft_has_one() -> None:
    quiet = set_aside(a_report(), "baseline", lambda _: "baseline")
    refused = Report(draft="content/two.md", outcome="refused", reason="no title", line=3, fix="add one")
    assert list(github([quiet, refused])) == [
        "::error file=content/two.md,line=3,title=steersman%3A refused::no title. Fix: add one"
    ]
    assert quiet.outcome == "pass"


@pytest.mark.parametrize(
    ("by", "kind"), [("comment", "inSource"), ("baseline", "external"), ("unchanged", "external"), ("", "external")]
)
def test_only_a_comment_is_a_suppression_in_source(by: str, kind: str) -> None:
    log = sarif([set_aside(a_report(), by, lambda _: "why")], version="1")
    (result,) = log["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": kind, "justification": "why"}]
    assert result["partialFingerprints"]


def test_names_count_from_the_repository_and_are_addresses_in_sarif() -> None:
    refused = Report(draft="content/zwei wörter.md", outcome="refused", reason="no title", line=3, fix="add one")
    reports = [a_report(), refused]
    (run,) = sarif(reports, version="1", below="blog/")["runs"]
    told = run["invocations"][0]["toolExecutionNotifications"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in (*run["results"], *told)]
    assert places == ["blog/content/one.md", "blog/content/zwei%20w%C3%B6rter.md"]
    assert [line.split(",")[0] for line in github(reports, below="blog/")] == [
        "::error file=blog/content/one.md", "::error file=blog/content/zwei wörter.md",
    ]  # fmt: skip
