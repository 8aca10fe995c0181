"""Front matter: what is read, what is told, and refusals that name the place."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from tests.builders_content import a_draft, markdown

from steersman.content.model.draft import DraftUnreadable, parse


def refused(raw: bytes, name: str = "content/one.md") -> DraftUnreadable:
    with pytest.raises(DraftUnreadable) as caught:
        parse(raw, name=name, folder="content")
    assert caught.value.fix
    return caught.value


def test_every_field_of_the_front_matter_is_read() -> None:
    draft = a_draft(
        date="2026-01-05", tags="[a, b, a]", channels="site", summary="Short.", slug="my-post", status="ready"
    )
    assert (draft.title, draft.slug, draft.summary) == ("A title", "my-post", "Short.")
    assert (draft.tags, draft.channels, draft.status) == (("a", "b"), ("site",), "ready")
    assert draft.date == date(2026, 1, 5)
    assert draft.body == "\nSome words.\n"
    assert draft.words == 2


def test_a_date_with_a_time_is_an_instant() -> None:
    assert a_draft(date="2026-01-05 09:30:00").date == datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001 - naive is the point
    assert a_draft(date='"2026-01-05T09:30"').date == datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001


def test_the_address_comes_from_the_path_below_the_content_folder() -> None:
    draft = parse(markdown().encode(), name="content/2026/My First_Post.md", folder="content")
    assert draft.slug == "2026-my-first-post"


def test_a_draft_is_not_ready_unless_it_says_so() -> None:
    assert a_draft(status=None).status == "draft"


def test_an_unknown_field_is_told_with_the_nearest_known_one() -> None:
    (note,) = a_draft(titel="x").notes
    assert note.rule == "UnknownField"
    assert note.suggestions == ("title",)
    assert markdown(titel="x")[note.start : note.end] == "titel"


@pytest.mark.parametrize(
    ("raw", "place", "found"),
    [
        (b"# Heading\n", "content/one.md:1", "no front matter"),
        (b"---\ntitle: x\n", "content/one.md:1", "never ends"),
        (b"---\ntitle: x\nstatus: [\n---\n", "content/one.md:4", "not valid YAML"),
        (b"---\ntitle: x\ndate: soon\n---\n", "content/one.md:3", "'soon'"),
        (b"---\ntitle: x\nstatus: done\n---\n", "content/one.md:3", "allowed: draft, ready"),
        (b"---\ntitle: x\nslug: ../../etc\n---\n", "content/one.md:3", "'../../etc'"),
        (b"---\ntitle: [x]\n---\n", "content/one.md:2", "one line of text"),
        (b"---\nstatus: ready\n---\n", "content/one.md:1", "`title` is missing"),
        (b"---\ntitle: x\ntitle: y\n---\n", "content/one.md:3", "stands twice"),
        (b"---\ntitle: &a [x]\ntags: [*a, *a]\n---\n", "content/one.md:3", "YAML alias"),
        (b"---\n? [a]\n: b\n---\n", "content/one.md:2", "name is one word"),
        (b"---\n- a\n---\n", "content/one.md:2", "no `field: value` lines"),
        (b"---\ntitle: x\ndate: 2026-02-30\n---\n", "content/one.md:3", "day is out of range"),
        (b"---\r\ntitle: x\r\ntags:\r\n- b\r\nstatus: nope\r\n---\r\n", "content/one.md:5", "'nope'"),
        (b"---\ntitle: x\n---\n\nfine\nnot \xff fine\n", "content/one.md:6", "byte 27 is not UTF-8"),
        (b"---\ntitle: caf\xe9\n---\n", "content/one.md:2", "in Windows-1252 '\xe9'"),
        (b"---\ntitle: x\n---\n\na\0b\n", "content/one.md:5", "byte 19 is NUL"),
        (markdown().encode("utf-16"), "content/one.md: it is UTF-16", "allowed: UTF-8"),
        (markdown().encode("utf-16-be"), "content/one.md: it looks like UTF-16BE", "allowed: UTF-8"),
        (markdown().encode("utf-32"), "content/one.md: it is UTF-32", "allowed: UTF-8"),
        (b"+++\ntitle = 'x'\ndate = soon\n+++\n", "content/one.md:3", "not valid TOML"),
        (b"+++\ntitle = 'x'\n---\n", "content/one.md:1", "never ends"),
        (b"+++\ntitle = 'x'\ntitle = 'y'\n+++\n", "content/one.md:3", "not valid TOML"),
        (b"+++\nstatus = 'nope'\ntitle = 'x'\n+++\n", "content/one.md:2", "'nope'"),
        (b'{"title": "x",\n "title": "y"}\n', "content/one.md:2", "stands twice"),
        (b'{"title": "x"} text\n', "content/one.md:1", "right after"),
        (b'{"title": "x",\n "status": "nope"}\n', "content/one.md:2", "'nope'"),
        (b'{"title": x}\n', "content/one.md:1", "not valid JSON"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(raw: bytes, place: str, found: str) -> None:
    error = refused(raw)
    assert error.message.startswith(place)
    assert found in error.message


def test_a_name_without_letters_needs_a_slug() -> None:
    assert "makes no address" in refused(markdown().encode(), "content/….md").message


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    text = "\ufeff" + markdown("One two.\n").replace("\n", "\r\n")
    draft = parse(text.encode(), name="content/one.md", folder="content")
    assert draft.title == "A title"
    assert draft.masked.source == text
    assert draft.body == "\r\nOne two.\r\n"


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: A title\ntags: [a, b]\ndate: 2026-01-05\nstatus: ready\n---\n",
        '+++\ntitle = "A title"\ntags = ["a", "b"]\ndate = 2026-01-05\nstatus = "ready"\n+++\n',
        '{\n  "title": "A title", "tags": ["a", "b"],\n  "date": "2026-01-05", "status": "ready"\n}\n',
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_yaml_toml_and_json_say_the_same(front: str, ends: str) -> None:
    raw = f"\ufeff{front}\nSome words.\n".replace("\n", ends).encode()
    draft = parse(raw, name="content/one.md", folder="content")
    assert (draft.title, draft.tags, draft.status) == ("A title", ("a", "b"), "ready")
    assert str(draft.date).startswith("2026-01-05")
    assert draft.body.strip() == "Some words."
    assert draft.words == 2


def test_a_field_nobody_reads_is_placed_in_toml_and_json_too() -> None:
    for text in ('+++\ntitle = "x"\n[params]\na = 1\n+++\n', '{"title": "x",\n "params": {"a": 1}}\n'):
        (note,) = parse(text.encode(), name="content/one.md", folder="content").notes
        assert text[note.start : note.end] == "params"


@pytest.mark.parametrize(
    "bomb",
    [
        "---\ntitle: x\na: " + "[" * 5000 + "]" * 5000 + "\n---\n",
        "---\ntitle: x\n" + "".join(f"{' ' * i}a{i}:\n" for i in range(300)) + "---\n",
        "---\ntitle: x\na: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n",
        "---\ntitle: x\norder: " + "9" * 5000 + "\n---\n",
        "---\ntitle: !!python/object/apply:os.system [echo]\n---\n",
        "---\ntitle: !!binary '*'\n---\n",
        "---\ntitle: x\nsummary: " + "a" * 70_000 + "\n---\n",
        "---\ntitle: x\norder: 1" + "_0" * 3000 + "\n---\n",
        "+++\ntitle = 'x'\na = " + "[" * 5000 + "]" * 5000 + "\n+++\n",
        "+++\ntitle = 'x'\norder = " + "9" * 5000 + "\n+++\n",
        '{"title": "x", "a": ' + "[" * 50_000 + "]" * 50_000 + "}\n",
        '{"title": "x", "order": ' + "9" * 5000 + "}\n",
        '{"title": "x", "a": "' + "b" * 70_000 + '"}\n',
    ],
    ids=range(13),
)
def test_a_bomb_in_front_matter_is_refused_with_a_short_message(bomb: str) -> None:
    assert len(refused(bomb.encode()).message) < 250


def test_the_ending_says_how_a_draft_is_read() -> None:
    text = markdown("Words {props.teh} more.\n").encode()
    plain = parse(text, name="content/one.markdown", folder="content")
    mdx = parse(text, name="content/one.mdx", folder="content")
    assert plain.slug == mdx.slug == "one"
    assert "teh" in plain.masked.prose
    assert "teh" not in mdx.masked.prose


@pytest.mark.parametrize(
    "front",
    [
        '---\ntitle: "a\\0b"\n---\n',
        '---\ntitle: "a\\e[31mb"\n---\n',
        '---\ntitle: "a\\ud800b"\n---\n',
        '{"title": "a\\ud800b"}\n',
        '{"title": "A", "variants": {"toot": "x\\u001b]0;y"}}\n',
        '{"title": "A", "tags": ["x\\udc00"]}\n',
        '{"title": "A", "other": [{"deep": "\\u0007"}]}\n',
        '+++\ntitle = "a\\u0007b"\n+++\n',
    ],
)
def test_what_no_text_may_hold_is_refused_also_where_it_is_written_as_an_escape(front: str) -> None:
    with pytest.raises(DraftUnreadable, match="allowed: text"):
        parse(front.encode(), name="content/a.md", folder="content")


@pytest.mark.parametrize("field", ["date", "embargo"])
@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "0001-01-01", "1677-01-01", "2500-01-01", "9999-12-31"])
def test_a_year_that_no_clock_keeps_is_refused(field: str, when: str) -> None:
    with pytest.raises(DraftUnreadable, match="a year from 1900 to 2200"):
        parse(f"---\ntitle: A\n{field}: {when}\n---\n".encode(), name="content/a.md", folder="content")


@pytest.mark.parametrize("deep", ["{0}b = 1", "[{0}b]", "[[ {0}b ]]", '{0}"b" = 1'])
def test_dots_in_a_toml_key_nest_no_deeper_than_brackets(deep: str) -> None:
    front = "+++\ntitle = 'A'\n" + deep.format("a." * 20_000) + "\n+++\n"
    with pytest.raises(DraftUnreadable, match="deeper than 40"):
        parse(front.encode(), name="content/a.md", folder="content")
    fine = f"+++\ntitle = 'A'\nsummary = '{'a.' * 60}'\n[a.b.c]\nd = 1\n+++\n"
    assert parse(fine.encode(), name="content/a.md", folder="content").summary == "a." * 60
