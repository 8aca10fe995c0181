"""The first pass of a workspace reads its packs and its author's voice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.builders_content import write_draft

from steersman.bootstrap import first_pass
from steersman.bootstrap.content import checker, publisher
from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.learning import published_texts
from steersman.content.settings.qa import CATEGORIES
from steersman.kernel.errors import Misconfigured


def desk_with(root: Path, lines: str) -> Path:
    (root / "steersman.toml").write_text(f'[desk]\nname = "t"\n[content]\n{lines}\n', encoding="utf-8")
    return root


def test_a_pack_is_held_to_and_brings_its_gates(tmp_path: Path) -> None:
    desk_with(tmp_path, 'packs = ["markets"]\nvocabulary_posts = 0')
    write_draft(
        tmp_path, body="Of all traders 80% lose. Guaranteed returns for all.\n", summary="A summary.", tags="[a]"
    )
    desk = open_desk(tmp_path)
    try:
        (report,) = checker(desk, actor="t").check_all()
    finally:
        desk.close()
    found = {(f.rule, f.severity) for f in report.findings if f.source == "style"}
    assert found == {("NumberWithoutSource", "gate"), ("BannedPhrase", "gate")}
    assert report.outcome == "blocked"


def test_a_pack_that_is_not_there_is_refused_with_its_line(tmp_path: Path) -> None:
    desk = open_desk(desk_with(tmp_path, 'packs = ["plian"]'))
    try:
        with pytest.raises(Misconfigured, match=r"steersman\.toml:4: content\.packs: there is no pack 'plian'"):
            first_pass.packs(desk)
    finally:
        desk.close()


def test_words_count_as_published_only_in_the_version_that_is_out(tmp_path: Path) -> None:
    (tmp_path / "steersman.toml").write_text('[channel.memory]\nkind = "memory"\n', encoding="utf-8")
    write_draft(tmp_path, body="Some words.\n")
    desk = open_desk(tmp_path)
    try:
        publisher(desk, only=None, actor="person:t").publish_all()
        desk.refresh()
        assert list(published_texts(desk)) == ["content/one.md"]
        write_draft(tmp_path, body="Some othr words.\n")
        checker(desk, actor="t").check_all()
        desk.refresh()
        assert published_texts(desk) == {}
    finally:
        desk.close()


def test_a_voice_can_be_no_gate(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="a voice is advice"):
        open_desk(desk_with(tmp_path, 'gates = ["voice"]'))


def test_every_category_that_is_documented_may_be_a_gate() -> None:
    pages = Path(__file__).parents[3] / "docs" / "reference"
    packs, engines = ((pages / name).read_text(encoding="utf-8") for name in ("style.md", "qa.md"))
    rows = [line.rsplit("|", 2)[1] for line in packs.splitlines() if line.startswith("| `[")]
    sentence = engines.partition("categories have common names: ")[2].partition(".")[0]
    named = {*re.findall(r"`([a-z-]+)`", " ".join(rows)), *(word.strip() for word in sentence.split(","))}
    assert len(named) > 20
    assert named <= set(CATEGORIES)
