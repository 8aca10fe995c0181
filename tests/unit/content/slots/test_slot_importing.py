"""Exports as they come: read where they can be read one way, refused with the line where not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.builders_slots import an_instant

from steersman.content.slots.importing import Imported, read_engagement
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected

HEADER = "id,type,published_at,likes,comments\n"


def read(text: str, **fields: object) -> Imported:
    return read_engagement(text.encode(), **{"channel": "c", "tz": "UTC", **fields})  # type: ignore[arg-type]


def test_a_plain_export_is_read_and_says_what_it_took_for_what() -> None:
    found = read(HEADER + "1,note,2026-05-01T09:00:00+02:00,10,2\n2,,2026-05-02 10:00,0,\n")
    assert [(o.key, o.type, iso(o.published_at), o.engagement) for o in found.observations] == [
        ("1", "note", "2026-05-01T07:00:00Z", 12.0),
        ("2", "post", "2026-05-02T10:00:00Z", 0.0),
    ]
    assert found.reading.counts == ("likes", "comments")
    assert found.problems == ()


def test_reactions_hold_likes_and_views_are_no_engagement() -> None:
    found = read("id,date,num_reactions,num_likes,num_comments,views\n1,2026-05-01 09:00,7,5,1,900\n")
    assert found.observations[0].engagement == 8.0


def test_a_total_is_taken_alone_and_named_columns_win() -> None:
    text = "id,date,engagement,likes,claps\n1,2026-05-01 09:00,9,5,70\n"
    assert read(text).observations[0].engagement == 9.0
    assert read(text, columns={"counts": ["likes", "claps"]}).observations[0].engagement == 75.0


@pytest.mark.parametrize(
    ("text", "order", "at"),
    [
        ("4/22/2018 6:00", "mdy", "2018-04-22T06:00:00Z"),
        ("22.04.2018, 06:00", "dmy", "2018-04-22T06:00:00Z"),
        ("22/4/18 12:05 am", "dmy", "2018-04-22T00:05:00Z"),
    ],
)
def test_the_order_of_day_and_month_is_settled_by_the_whole_file(text: str, order: str, at: str) -> None:
    found = read(f'{HEADER}1,note,"{text}",1,1\n2,note,"{text.replace("22", "05")}",1,1\n')
    assert (found.order, iso(found.observations[0].published_at)) == (order, at)


def test_dates_that_read_both_ways_are_refused_until_somebody_says_which() -> None:
    text = HEADER + "1,note,4/5/2018 6:00,1,1\n"
    with pytest.raises(Rejected, match="day first or month first"):
        read(text)
    assert iso(read(text, order="dmy").observations[0].published_at) == "2018-05-04T06:00:00Z"


def test_dates_that_contradict_each_other_are_refused_with_both() -> None:
    with pytest.raises(Rejected, match=r"'22/4/2018 6:00' has the day first, '4/22/2018 6:00' the month"):
        read(HEADER + "1,note,4/22/2018 6:00,1,1\n2,note,22/4/2018 6:00,1,1\n")


def test_ids_that_stand_twice_are_kept_once_and_told() -> None:
    found = read(HEADER + "1,note,2026-05-01 09:00,10,2\n1,note,2026-05-01 09:00,99,2\n")
    assert [o.engagement for o in found.observations] == [12.0]
    assert [str(p) for p in found.problems] == ["line 3: id '1' stands already in line 2"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,note,yesterday,1,1", "published_at: found 'yesterday', allowed: a date with its time"),
        ("1,note,,1,1", "published_at: found '', allowed: a date with its time"),
        ("1,note,2026-02-30 09:00,1,1", "published_at: found '2026-02-30 09:00', allowed: a date with its time"),
        ("1,note,2026-05-01 09:00,-3,1", "likes: found '-3', allowed: a whole number, 0 or more"),
        ("1,note,2026-05-01 09:00,1.5,1", "likes: found '1.5', allowed: a whole number, 0 or more"),
        ("1,note,2026-05-01 09:00,٣,1", "likes: found '٣', allowed: a whole number, 0 or more"),
        ("1,note,2026-05-01 09:00,,", "likes, comments: nothing there"),
        ("1,note", "published_at: found '', allowed: a date with its time"),
    ],
)
def test_a_line_that_cannot_be_read_is_left_out_with_its_reason(row: str, reason: str) -> None:
    found = read(HEADER + "0,note,2026-05-01 09:00,1,1\n" + row + "\n")
    assert [str(p) for p in found.problems] == [f"line 3: {reason}"]
    assert len(found.observations) == 1


def test_lines_are_those_of_the_file_also_where_a_text_goes_over_several() -> None:
    found = read('id,date,likes,text\n1,2026-05-01 09:00,1,"two\nlines"\n\n2,soon,1,x\n')
    assert [p.line for p in found.problems] == [5]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        ("id,date,likes\n".encode("utf-16"), "UTF-16"),
        (b"id,date,likes\n1,2026-05-01 09:00,\xff\n", "line 2: byte 33 is not UTF-8"),
        (b"a,b,c\n1,2,3\n", "no column says when a post went out; found: a, b, c"),
        (b"date,words\n2026-05-01 09:00,2\n", "no column says what readers did"),
        (b"id,date,likes\n" + b"x" * 200_000 + b",2026-05-01 09:00,1\n", "field larger than field limit"),
    ],
)
def test_what_is_no_export_of_posts_is_refused(raw: bytes, problem: str) -> None:
    with pytest.raises(Rejected, match=problem) as refused:
        read_engagement(raw, channel="c", tz="UTC")
    assert refused.value.fix


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Rejected, match="there is no column 'claps'; found: id, type, published_at, likes, comments"):
        read(HEADER, columns={"counts": "claps"})
    with pytest.raises(Rejected, match="found 'when', allowed"):
        read(HEADER, columns={"when": "published_at"})


def test_posts_too_young_for_the_age_they_would_stand_for_are_left_out() -> None:
    text = HEADER + "1,note,2026-05-01 09:00,1,1\n2,note,2026-05-03 09:00,1,1\n"
    found = read(text, seen_at=an_instant("2026-05-03T12:00"))
    assert [o.key for o in found.observations] == ["1"]
    assert "younger than the age" in found.problems[0].reason


def test_semicolons_tabs_a_byte_order_mark_and_seconds_since_1970_are_read() -> None:
    assert len(read("\ufeffid;date;likes\n1;2026-05-01 09:00;1,234\n").observations) == 1
    found = read("id\tdate\tlikes\n1\t1777626000\t1\n2\t1777626000000\t1\n")
    assert {iso(o.published_at) for o in found.observations} == {"2026-05-01T09:00:00Z"}


def test_a_real_export_of_seven_thousand_posts_is_read() -> None:
    path = Path(os.environ.get("STEERSMAN_DATA", "../shared/data")) / "engagement/facebook_live_sellers.csv"
    if not path.is_file():
        pytest.skip(f"no {path}: set STEERSMAN_DATA")
    found = read_engagement(path.read_bytes(), channel="c", tz="Asia/Bangkok")
    assert (len(found.observations), len(found.problems), found.order) == (6997, 53, "mdy")
    assert all("stands already" in p.reason for p in found.problems)
