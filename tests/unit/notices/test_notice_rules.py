"""The words of each rule, which events they fit, and what a person may change about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.builders_notices import NOON, failed, record, settings, succeeded

from steersman.bootstrap.catalogue import event_types
from steersman.bootstrap.notice_rules import RULES
from steersman.kernel.errors import Misconfigured
from steersman.ledger import Event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.services.notices import Reader
from steersman.services.notices.rules import Rule, Wanted
from steersman.services.notices.wording import calm, clean, filled


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def read(event: Event, **fields: object) -> list[tuple[str, str, str]]:
    return [(t.rule, t.severity, t.first) for t in Reader(RULES, **fields).read(event)]  # type: ignore[arg-type]


def test_every_event_of_every_rule_is_one_that_something_writes() -> None:
    named = {pattern.event for rule in RULES for pattern in (*rule.on, *rule.ends)}
    assert named - set(event_types()) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_can_be_chosen_and_says_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z_]+", rule.name)
    assert rule.about
    assert rule.do or rule.severity == "info"
    assert all(pattern.is_type for pattern in (*rule.on, *rule.ends))
    assert len({r.name for r in RULES}) == len(RULES)


def test_a_failed_run_is_told_and_a_good_one_ends_it(ledger: MemoryLedger) -> None:
    assert read(failed(ledger)) == [("run_failed", "warn", "prices failed: ended with exit code 1")]
    assert read(succeeded(ledger)) == [("run_failed", "warn", "prices succeeds again")]


def test_severities_are_chosen_per_rule_and_what_is_less_than_the_least_is_not_told(ledger: MemoryLedger) -> None:
    event = failed(ledger)
    assert read(event, severity={"run_failed": "critical"})[0][1] == "critical"
    assert read(event, severity={"run_failed": "off"}) == []
    assert read(event, least="critical") == []


def test_events_beyond_the_rules_are_told_in_plain_words_or_in_those_of_the_rule_that_fits(
    ledger: MemoryLedger,
) -> None:
    fill = record(ledger, "trading.order.filled", stream="order/7", reason="x\x1b[31m\u202ey")
    wanted = (Wanted(event="trading.order.filled", severity="info"),)
    assert read(fill) == [("order_unknown", "critical", "order ? is known again")]
    assert read(fill, wanted=wanted)[0] == ("trading.order.filled", "info", "trading order filled: order/7")
    assert Reader(RULES, wanted=wanted).read(fill)[0].why == "x[31my"
    only = (Wanted(event="automation.run.finished", where={"automation": "prices"}, severity="critical"),)
    assert read(failed(ledger), wanted=only, defaults=False) == [
        ("run_failed", "critical", "prices failed: ended with exit code 1")
    ]
    assert read(failed(ledger, "news"), wanted=only, defaults=False) == []


def test_what_an_event_says_is_one_word_of_the_command_and_one_part_of_the_address(ledger: MemoryLedger) -> None:
    event = record(ledger, "content.post.overdue", draft="a b; rm -rf ~/$(x)", channel="site", key="k", due_at=NOON)
    found = Reader(RULES).read(event)[0]
    assert found.do == "steersman content publish 'a b; rm -rf ~/$(x)'"
    assert found.page == "content/a%20b%3B%20rm%20-rf%20~/%24%28x%29"


def test_data_that_is_no_object_or_lacks_a_field_is_told_as_far_as_it_goes(ledger: MemoryLedger) -> None:
    assert read(record(ledger, "policy.halt.set")) == [("halt_set", "critical", "halted: ?")]


def test_instants_and_spans_are_said_as_people_say_them() -> None:
    data = {"due_at": NOON, "late_s": 5430.0, "deep": {"x": 1}, "many": ["a", "b", "c", "d"], "expires_at": 2**63 - 1}
    assert filled("{due_at}, {late_s}, {deep.x}, {many}, {none}", data, "Europe/Berlin") == (
        "Sun 30 Nov 13:00, 1 h 30 m, 1, a; b; c ..., ?"
    )
    assert filled("{expires_at}", data, "UTC") == "?"


def test_what_is_shown_is_one_line_without_tricks() -> None:
    assert (
        clean("a\nb\x00\u202e\u2066c ✓ \U0001f600 \u05e9\u05dc\u05d5\u05dd")
        == "a bc ✓ \U0001f600 \u05e9\u05dc\u05d5\u05dd"
    )
    assert len(clean("x" * 10_000)) == 240


@pytest.mark.parametrize(
    "said",
    [
        "@everyone",
        "hi @HERE!",
        "<!channel>",
        "<@U123>",
        "<@&99>",
        "[log in](https://evil.example)",
        "@**all**",
        "@room",
    ],
)
def test_what_an_event_says_calls_nobody_in_a_chat_and_hides_no_link(said: str) -> None:
    shown = calm(said)
    assert shown.replace("\u200b", "") == said
    assert not any(trick in shown.lower() for trick in ("@everyone", "@here", "<!", "<@", "](", "@**", "@room"))


@pytest.mark.parametrize("said", ["me@example.com", "a < b", "list[0] (of 3)", "@allowance", "steersman auto logs a-1"])
def test_what_calls_nobody_is_left_as_it_is(said: str) -> None:
    assert calm(said) == said


@pytest.mark.parametrize(
    ("line", "field", "found"),
    [
        ('url = "ntfy://ntfy.sh/SECRETTOPIC"', "url", "found 26 characters without env: or file:"),
        ("url = 7", "url", "found no text"),
        ('quiet = "10pm-7am"', "quiet", "two times of the day"),
        ("per_hour = 1", "per_hour", "found 1, allowed: 4 to 1000"),
        ("severity = { run_faild = 'off' }", "severity", "there is no rule 'run_faild'"),
        ("severity = { run_failed = 'loud' }", "severity.run_failed", "allowed: off, info, warn, critical"),
        ('min_severity = "debug"', "min_severity", "found 'debug'; allowed: info, warn, critical"),
        ("defaults = false", "defaults", "nothing is ever told"),
        ('events = ["Nonsense!"]', "events", "found 'Nonsense!'"),
        ('events = ["trading.order.fild"]', "events", "there is no event 'trading.order.fild'"),
        ('events = ["services.notice.sent"]', "events", "would not end"),
        ('events = [{ event = "policy.halt.set", where = { scop = "all" } }]', "events", "it has: reason, scope"),
        ('heartbeat = { url = "https://hc-ping.com/SECRETTOPIC" }', "heartbeat.url", "without env: or file:"),
        ('heartbeat = { url = "env:HC", every = "1s" }', "heartbeat.every", "found 1s, allowed: 10 s to 1 d"),
        ('timeout = "1h"', "timeout", "found 1h"),
        ("unknown = 1", "unknown", "unknown field"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_without_its_secret(line: str, field: str, found: str) -> None:
    base = "" if line.startswith("url") else 'url = "env:NTFY"\n'
    with pytest.raises(Misconfigured) as refused:
        settings(f'[notify.phone]\nkind = "apprise"\n{base}{line}\n')
    assert f"notify.phone.{field}" in refused.value.message
    assert found in refused.value.message
    assert refused.value.message.startswith(f"steersman.toml:{3 + bool(base)}")
    assert refused.value.fix
    assert "SECRETTOPIC" not in str(refused.value)


def test_a_value_in_the_place_of_a_table_is_not_quoted() -> None:
    with pytest.raises(Misconfigured) as refused:
        settings('[notify]\nphone = "ntfy://SECRETTOPIC"\n')
    assert "SECRETTOPIC" not in str(refused.value)


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(Misconfigured, match="apprise, command, memory, webhook") as refused:
        settings('[notify.phone]\nkind = "aprise"\nurl = "env:X"\n')
    assert refused.value.fix == "did you mean 'apprise'?"


def test_everything_that_may_be_said_is_taken(tmp_path: Path) -> None:
    found = settings(
        """
        [notify.phone]
        kind = "apprise"
        url = "env:NTFY"
        events = ["trading.order.filled", { event = "content.*", where = { channel = "site" }, severity = "critical" }]
        severity = { run_failed = "critical", clock_jumped = "off" }
        min_severity = "info"
        per_hour = 30
        quiet = "22:00-07:00"
        [notify.phone.heartbeat]
        url = "file:secrets/hc"
        every = "1m"
        """,
        tmp_path,
    )["phone"]
    assert [w.severity for w in found.wanted] == ["warn", "critical"]
    assert found.heartbeat is not None
    assert found.heartbeat.every_s == 60


def test_the_example_of_the_reference_is_taken_and_its_rules_are_there() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "notifications.md").read_text(encoding="utf-8")
    found = settings(page.partition("```toml\n")[2].partition("```")[0])
    assert set(found) == {"phone", "ops"}
    assert found["phone"].heartbeat is not None
