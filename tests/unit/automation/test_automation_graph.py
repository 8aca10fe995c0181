"""The drawn manifest."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.graph import columns, rows, svg


def a_manifest() -> Manifest:
    return Manifest(
        [
            an_automation("prices", schedule="*/15 * * * mon-fri", tz="America/New_York"),
            an_automation("chart", needs=("prices",)),
            an_automation("table", needs=("prices",)),
            an_automation("report", needs=("chart", "table")),
            an_automation("backup", schedule="0 18 * * *"),
        ]
    )


def test_the_tree_hangs_each_under_the_last_it_needs() -> None:
    assert [(drawn, start) for drawn, _, start in rows(a_manifest())] == [
        ("prices", "*/15 * * * mon-fri America/New_York"),
        ("├─ chart", "starts after prices"),
        ("└─ table", "starts after prices"),
        ("   └─ report", "starts after chart and table; also needs chart"),
        ("backup", "0 18 * * * UTC"),
    ]


def test_columns_go_by_the_longest_way() -> None:
    assert columns(a_manifest()) == [["prices", "backup"], ["chart", "table"], ["report"]]


def test_the_svg_is_well_formed_and_says_the_status_in_words() -> None:
    root = ET.fromstring(svg(a_manifest(), {"prices": "succeeded", "chart": "timed out"}))  # noqa: S314 - our own
    text = "".join(root.itertext())
    assert all(name in text for name in ("prices", "chart", "table", "report", "backup"))
    assert "timed out" in text
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == 4
    assert not root.findall(".//*[@style]")


def test_an_empty_manifest_draws_an_empty_picture() -> None:
    assert rows(Manifest()) == []
    ET.fromstring(svg(Manifest()))  # noqa: S314 - our own


def test_what_is_connected_to_nothing_stands_side_by_side_below() -> None:
    chain = [an_automation("prices"), an_automation("chart", needs=("prices",))]
    alone = [an_automation(f"job{n}", schedule="0 1 * * *") for n in range(12)]
    root = ET.fromstring(svg(Manifest([*alone, *chain])))  # noqa: S314 - our own
    rects = [g.find("{http://www.w3.org/2000/svg}rect") for g in root.findall("{http://www.w3.org/2000/svg}g")]
    places = {(r.get("x"), r.get("y")) for r in rects if r is not None}
    assert len(places) == 14, "no two in one place"
    assert len({y for _, y in places}) == 4, "a row for the chain, three for the twelve"
    assert float(root.get("width") or 0) <= 1240
