"""A local server of ours that answers as LanguageTool documents it: offsets, markup, limits and failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_draft
from tests.local_server import Asked, LocalServer, Reply, reply

from steersman.ai import Redactor
from steersman.content.adapters.languagetool import create
from steersman.content.adapters.languagetool.reviewer import LanguageToolReviewer
from steersman.content.adapters.languagetool.settings import LanguageToolSettings
from steersman.content.model.draft import Draft
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def original(asked: Asked) -> str:
    """Return text and markup as LanguageTool puts them together again; its offsets count in there."""
    items = msgspec.json.decode(asked.form["data"])["annotation"]
    return "".join(item.get("text", item.get("markup", "")) for item in items)


def as_read(asked: Asked) -> str:
    items = msgspec.json.decode(asked.form["data"])["annotation"]
    return "".join(item.get("text", item.get("interpretAs", "")) for item in items)


def match(text: str, word: str, *, rule: str = "TEST_RULE", category: str = "GRAMMAR", issue: str = "grammar") -> Any:
    start = text.index(word)
    return {
        "message": f"Something about “{word}”.",
        "shortMessage": "",
        "offset": utf16(text[:start]),
        "length": utf16(word),
        "replacements": [{"value": n} for n in ("one", "two", "three", "four")],
        "rule": {"id": rule, "description": "", "issueType": issue, "category": {"id": category, "name": category}},
    }


def objecting_to(*words: str) -> Callable[[Asked], Reply]:
    def respond(asked: Asked) -> Reply:
        text = original(asked)
        return reply({"software": {}, "language": {}, "matches": [match(text, w) for w in words if w in text]})

    return respond


def a_reviewer(url: str, redactor: Redactor | None = None, **fields: Any) -> LanguageToolReviewer:
    settings = LanguageToolSettings(**{"url": url, "timeout": "30s", **fields})
    return create(name="lt", settings=settings, secret=lambda _: "lt-key", redactor=redactor or Redactor())


@pytest.mark.parametrize(
    "body",
    [
        "Plain text with a worng word.\n",
        "Rockets 🚀🚀 and families 👩‍👩‍👧‍👦 before a worng word.\n",
        "Combining e\u0301 and ﷽ and שלום עולם, then a worng word.\n",
        "# A heading 🎉\n\n- An item with `code 🚀` and [a link](https://example.com/🚀), and a **worng** word.\n",
        "Windows\r\nline 🚀 ends\r\n\r\nand a worng word.\r\n",
        "```python\nworng_code = 1\n```\n\nText after code, a worng word.\n",
    ],
)
def test_a_match_is_brought_back_to_the_file_in_code_points(body: str) -> None:
    draft = a_draft(body)
    with LocalServer(objecting_to("worng")) as server:
        review = a_reviewer(server.url).review(draft)
    [one] = review.found
    assert draft.masked.source[one.start : one.end] == "worng"
    assert (one.source, one.rule, one.category) == ("lt", "TEST_RULE", "grammar")
    assert one.suggestions == ("one", "two", "three")
    assert review.problem == ""


def test_code_addresses_and_secrets_are_not_sent_and_read_as_a_word() -> None:
    body = (
        "Use `secret_function()` and [our page](https://internal.example/path) or <https://internal.example> now.\n\n"
        "```\nsecret_block()\n```\n\nThe key sk-proj-abcdefghij0123456789XYZ is mine, *really*.\n"
    )
    with LocalServer(objecting_to()) as server:
        a_reviewer(server.url).review(a_draft(body))
    [asked] = server.asked
    for secret in ("secret_function", "internal.example", "secret_block", "sk-proj"):
        assert secret not in asked.form["data"]
    read = re.sub(r"\s+", " ", as_read(asked)).strip()
    assert "Use code and our page or code now." in read
    assert "The key code is mine, really." in read
    assert utf16(original(asked)) == utf16(a_draft(body).body)


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("Some <b>bold</b> and <em class='x'>`code`</em> words.", "Some bold and code words."),
        ("Tom &amp; Jerry&#39;s 5&nbsp;m.", "Tom & Jerry's 5\u00a0m."),
        ("A {{< ref page >}}shortcode<!-- note --> here.", "A shortcode here."),
        ("[One](https://x.example), ![two](a.png) and ***three***.", "One, two and three."),
        ("> Quoted `x`\n> twice", "Quoted code twice"),
        ("See https://x.example/a_b.", "See code."),
    ],
)
def test_markup_reads_as_a_reader_hears_it(body: str, reads: str) -> None:
    with LocalServer(objecting_to()) as server:
        a_reviewer(server.url).review(a_draft(f"{body}\n"))
    assert re.sub(r"[ \n]+", " ", as_read(server.asked[0])).strip() == reads


def test_what_is_asked_is_as_documented() -> None:
    with LocalServer(objecting_to()) as server:
        a_reviewer(f"{server.url}/v2/", level="picky", off=("A", "B"), username="me", key="env:KEY").review(a_draft())
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/v2/check")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    form = asked.form
    assert (form["language"], form["level"], form["disabledRules"]) == ("en-US", "picky", "A,B")
    assert (form["username"], form["apiKey"]) == ("me", "lt-key")


def test_a_draft_in_another_language_is_checked_in_that_one() -> None:
    with LocalServer(objecting_to()) as server:
        a_reviewer(server.url).review(a_draft(language="de-AT"))
    assert server.asked[0].form["language"] == "de-AT"


def a_long_draft() -> Draft:
    return a_draft("\n\n".join(f"Paragraph 🚀 number {n} says worng things. " * 10 for n in range(12)) + "\n")


def test_a_long_draft_goes_in_parts_and_every_match_finds_its_place() -> None:
    draft = a_long_draft()
    with LocalServer(objecting_to("worng")) as server:
        review = a_reviewer(server.url, max_chars=1000).review(draft)
    assert len(server.asked) == len(review.found) > 3
    assert {draft.masked.source[one.start : one.end] for one in review.found} == {"worng"}


def test_parts_that_were_not_read_are_said_and_the_others_kept() -> None:
    answers = iter([500, 200, 200])

    def respond(asked: Asked) -> Reply:
        return objecting_to("worng")(asked) if next(answers, 200) == 200 else Reply(status=500, body=b"Error: oh")

    with LocalServer(respond) as server:
        review = a_reviewer(server.url, max_chars=1000).review(a_long_draft())
    assert review.found
    assert re.fullmatch(r"1 of \d+ parts were not read: .*500.*", review.problem)


def test_incomplete_results_are_said() -> None:
    with LocalServer(lambda _: reply({"matches": [], "warnings": {"incompleteResults": True}})) as server:
        assert "incomplete" in a_reviewer(server.url).review(a_draft()).problem


FAULTS: dict[str, tuple[Reply, type[SteersmanError], str]] = {
    "too long": (Reply(status=413, body=b"Error: Your text exceeds the limit"), Rejected, "max_chars"),
    "too often": (Reply(status=429, headers={"Retry-After": "60"}), Unavailable, "429"),
    "failure": (Reply(status=500, body=b"Error: Internal"), Unavailable, "500"),
    "bad language": (Reply(status=400, body=b"Error: 'xx' is not a language code"), Misconfigured, "language"),
    "forbidden": (Reply(status=403, body=b"Error: AuthException"), Misconfigured, "403"),
    "a page": (Reply(body=b"<html>Hello</html>", headers={"Content-Type": "text/html"}), Unavailable, "JSON"),
    "other json": (Reply(body=b'{"matches": 5}'), Unavailable, "matches"),
    "offset beyond": (
        reply({"matches": [{"offset": 10_000, "length": 3, "message": "m", "rule": {"id": "R"}}]}),
        Unavailable,
        "outside",
    ),
    "negative": (
        reply({"matches": [{"offset": -5, "length": 3, "message": "m", "rule": {"id": "R"}}]}), Unavailable, "outside"
    ),
    "reset": (Reply(how="reset"), Unavailable, "no whole answer"),
    "slow": (Reply(how="hang"), Unavailable, "Timeout"),
    "moved": (Reply(status=301, headers={"Location": "http://example.com/"}), Misconfigured, "example.com"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_failure_is_never_a_clean_draft(fault: str) -> None:
    answer, kind, says = FAULTS[fault]
    with LocalServer(lambda _: answer) as server, pytest.raises(kind) as error:
        a_reviewer(server.url, timeout="200ms" if fault == "slow" else "30s").review(a_draft())
    assert says in str(error.value)
    assert error.value.fix
    assert "take effect" not in error.value.message
    assert "by itself" not in error.value.fix


def test_nobody_at_the_address_is_said() -> None:
    with LocalServer(objecting_to()) as server:
        url = server.url
    with pytest.raises(Unavailable, match="no answer"):
        a_reviewer(url).review(a_draft())


@pytest.mark.parametrize(
    ("url", "remote", "asks"),
    [
        ("http://127.0.0.1:8081", False, False),
        ("http://localhost:8081", False, False),
        ("https://api.languagetool.org", False, True),
        ("https://api.languagetool.org", True, False),
    ],
)
def test_text_that_leaves_the_machine_is_asked_for_first(url: str, remote: bool, asks: bool) -> None:
    reviewer = a_reviewer(url, remote=remote)
    assert reviewer.asks_first is asks
    assert url.removeprefix("https://").removeprefix("http://").removesuffix(":8081") in reviewer.announcement(
        a_draft()
    )


def test_what_a_server_calls_its_rules_is_a_name_and_what_it_says_is_one_printable_line() -> None:
    odd = {"offset": 1, "length": 4, "message": "\x1b[2J two\nlines", "rule": {"id": "We want go home"},
           "replacements": [{"value": "\x1b]0;x\x07 word"}]}  # fmt: skip
    with LocalServer(lambda _: reply({"matches": [odd]})) as server:
        [one] = a_reviewer(server.url).review(a_draft()).found
    assert (one.rule, one.category, one.message) == ("Unnamed", "other", "[2J two lines")
    assert one.suggestions == ("]0;x word",)  # spaces stay: they may be what is missing
