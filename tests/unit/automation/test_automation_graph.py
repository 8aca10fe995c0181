"""The drawn manifest."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.graph import columns, rows
from steersman.automation.graph_layout import layout
from steersman.automation.graph_picture import svg
from steersman.ledger.patterns import EventPattern

SVG = "{http://www.w3.org/2000/svg}"


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
        ("   └─ report", "starts after chart and table"),
        ("backup", "0 18 * * * UTC"),
    ]


def test_one_with_a_time_of_its_own_names_what_else_it_needs() -> None:
    manifest = Manifest(
        [an_automation("a"), an_automation("b"), an_automation("c", needs=("a", "b"), schedule="0 1 * * *")]
    )
    assert rows(manifest)[-1] == ("└─ c", "c", "0 1 * * * UTC; also needs a")


def test_a_chain_of_any_length_is_drawn() -> None:
    chain = [an_automation("job0"), *(an_automation(f"job{n}", needs=(f"job{n - 1}",)) for n in range(1, 1500))]
    assert len(rows(Manifest(chain))) == 1500
    assert columns(Manifest(chain))[-1] == ["job1499"]


def test_columns_go_by_the_longest_way() -> None:
    assert columns(a_manifest()) == [["prices", "backup"], ["chart", "table"], ["report"]]


def test_the_svg_is_well_formed_and_says_the_status_in_words() -> None:
    root = ET.fromstring(svg(a_manifest(), {"prices": "succeeded", "chart": "timed out"}))  # noqa: S314 - our own
    text = "".join(root.itertext())
    assert all(name in text for name in ("prices", "chart", "table", "report", "backup"))
    assert "timed out" in text
    assert len(root.findall(f"{SVG}path")) == 4
    assert not root.findall(".//*[@style]")
    assert not root.findall(f".//{SVG}style"), "the policy of a page allows none"


def test_as_a_file_the_picture_brings_its_colours_for_light_and_dark() -> None:
    style = ET.fromstring(svg(a_manifest(), alone=True)).find(f"{SVG}style")  # noqa: S314 - our own
    assert style is not None
    assert "prefers-color-scheme:dark" in (style.text or "")


def test_on_a_page_each_leads_to_its_own() -> None:
    root = ET.fromstring(svg(a_manifest(), link=lambda name: f"/a/{name}?b&c"))  # noqa: S314 - our own
    assert next(a.get("href") for a in root.findall(f"{SVG}a")) == "/a/prices?b&c"
    assert root.get("role") == "group", "an image hides the links in it"


def test_an_empty_manifest_draws_an_empty_picture() -> None:
    assert rows(Manifest()) == []
    ET.fromstring(svg(Manifest()))  # noqa: S314 - our own


def test_what_is_connected_to_nothing_stands_side_by_side_below() -> None:
    chain = [an_automation("prices", schedule="0 1 * * *"), an_automation("chart", needs=("prices",))]
    alone = [an_automation(f"job{n}", schedule="0 1 * * *") for n in range(12)]
    root = ET.fromstring(svg(Manifest([*alone, *chain])))  # noqa: S314 - our own
    places = frames(root)
    assert len(set(places)) == 14, "no two in one place"
    assert len({y for _, y in places}) == 4, "a row for the chain, three for the twelve"
    assert float(root.get("width") or 0) <= 1240


def test_names_that_begin_alike_are_told_apart_however_long_they_are() -> None:
    long = [an_automation("fundamentals_of_every_listed_company_" + end) for end in ("check", "load", "publish")]
    root = ET.fromstring(svg(Manifest(long)))  # noqa: S314 - our own
    shown = [g.findall(f"{SVG}text")[0].text or "" for g in root.findall(f"{SVG}g")]
    assert len(set(shown)) == 3
    assert all(len(name) < 34 for name in shown)
    assert "fundamentals_of_every_listed_company_check" in "".join(root.itertext()), "the whole name is the title"


def test_what_an_event_of_another_starts_stands_behind_it_on_a_dashed_line() -> None:
    failed = EventPattern(event="automation.run.finished", where={"automation": "prices", "status": "failed"})
    manifest = Manifest([an_automation("tell", on=(failed,)), an_automation("prices", schedule="0 1 * * *")])
    assert layout(manifest, across=5).places == {"prices": (0, 0.0), "tell": (1, 0.0)}
    root = ET.fromstring(svg(manifest))  # noqa: S314 - our own
    assert [path.get("stroke-dasharray") for path in root.findall(f"{SVG}path")] == ["5 4"]
    assert "an event of a starts b" in "".join(root.itertext())


@given(
    needs=st.lists(st.sets(st.integers(0, 39), max_size=3), min_size=1, max_size=40),
)
def test_whatever_needs_what_nothing_covers_anything_and_what_is_needed_stands_to_the_left(
    needs: list[set[int]],
) -> None:
    manifest = Manifest(
        an_automation(f"job{n}", needs=tuple(f"job{m}" for m in sorted(wanted) if m < n))
        for n, wanted in enumerate(needs)
    )
    found = layout(manifest, across=5)
    columns: dict[int, list[float]] = {}
    for x, y in (*found.places.values(), *(place for way in found.ways.values() for place in way)):
        columns.setdefault(x, []).append(y)
    assert len(found.places) == len(needs)
    for heights in map(sorted, columns.values()):
        assert all(below - above > 0.7 for above, below in pairwise(heights))
        assert heights[0] >= 0
    of_automations = sorted(found.places.values())
    assert all(b[1] - a[1] > 0.99 for a, b in pairwise(of_automations) if a[0] == b[0])
    for a in manifest:
        assert all(found.places[need][0] < found.places[a.name][0] for need in a.needs)


def frames(root: ET.Element) -> list[tuple[str | None, str | None]]:
    """Return where the frame of each automation stands."""
    found = [g.find(f"{SVG}rect") for g in root.findall(f"{SVG}g")]
    return [(rect.get("x"), rect.get("y")) for rect in found if rect is not None]
