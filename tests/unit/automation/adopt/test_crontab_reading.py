"""Crontab lines of every odd kind, and what is read from each."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.automation.adopt.crontab import CronEntry, Crontab, read_crontab

# Line, and the fields of the entry that must come out of it.
ENTRIES: list[tuple[str, dict[str, Any]]] = [
    ("* * * * * a", {"when": "* * * * *", "command": "a"}),
    ("*/15 * * * mon-fri a b", {"when": "*/15 * * * mon-fri", "command": "a b"}),
    ("0 0 1 jan * a", {"when": "0 0 1 jan *"}),
    ("0 0 1 JAN,Jul MON a", {"when": "0 0 1 jan,jul mon"}),
    ("1,2,30-40/5 1-5 */2 * 7 a", {"when": "1,2,30-40/5 1-5 */2 * 7"}),
    ("0 0 * * 0-7 a", {"when": "0 0 * * 0-7"}),
    ("\t 5\t4 * *\t* a  b ", {"when": "5 4 * * *", "command": "a  b"}),
    ("@reboot a", {"when": "@reboot", "nickname": "@reboot"}),
    ("@yearly a", {"when": "0 0 1 1 *", "nickname": "@yearly"}),
    ("@annually a", {"when": "0 0 1 1 *"}),
    ("@monthly a", {"when": "0 0 1 * *"}),
    ("@Weekly a", {"when": "0 0 * * 0", "nickname": "@weekly"}),
    ("@daily a", {"when": "0 0 * * *"}),
    ("@midnight a", {"when": "0 0 * * *"}),
    ("@hourly a", {"when": "0 * * * *"}),
    ("-*/5 * * * * a", {"when": "*/5 * * * *", "silent": True}),
    ("0 1 * * * date +\\%F", {"command": "date +%F", "stdin": None}),
    ("0 1 * * * mail x%one%two", {"command": "mail x", "stdin": "one\ntwo\n"}),
    ("0 1 * * * cat%a\\%b%", {"command": "cat", "stdin": "a%b\n"}),
    ("0 1 * * * a%", {"command": "a", "stdin": "\n"}),
    ("0 1 * * * a \\\\%in", {"command": "a \\\\", "stdin": "in\n"}),
    ("0 1 * * * X=1 a", {"command": "X=1 a"}),
    ("0 1 * * * a # not a comment", {"command": "a # not a comment"}),
    ("0 1 * * * [ -x /a ] && /a", {"command": "[ -x /a ] && /a"}),
    ("0 1 29 2 * leap", {"when": "0 1 29 2 *"}),
]
REFUSED = [
    ("60 * * * * a", "minute"),
    ("* 24 * * * a", "hour"),
    ("* * 0 * * a", "day of month"),
    ("* * * 13 * a", "month"),
    ("* * * * 8 a", "day of week"),
    ("* * * * monday a", "day of week"),
    ("*/0 * * * * a", "above 0"),
    ("*/x * * * * a", "above 0"),
    ("5/15 * * * * a", "5-59/15"),
    ("10-2 * * * * a", "ends before"),
    ("0~59 * * * * a", "choose one"),
    ("0 0 L * * a", "day of month"),
    ("0 0 ? * * a", "day of month"),
    ("* * * *", "neither"),
    ("* * * * *", "neither"),
    ("0 */5 * * * * a", "six time fields"),
    ("@every 5m a", "allowed: @reboot"),
    ("@daily", "neither"),
    ("EMPTY=", "quotes"),
    ("X='a\"", "quotes"),
    ('X="a" b', "quotes"),
    ("hello", "neither"),
    ("0 0 * * * a\x07b", "control characters"),
]


def read_one(line: str) -> CronEntry:
    found = read_crontab(line + "\n")
    assert len(found.entries) == 1, found
    assert not found.unread
    return found.entries[0]


@pytest.mark.parametrize(("line", "fields"), ENTRIES)
def test_an_entry_is_read_as_cron_reads_it(line: str, fields: dict[str, Any]) -> None:
    entry = read_one(line)
    assert {name: getattr(entry, name) for name in fields} == fields


@pytest.mark.parametrize(("line", "word"), REFUSED)
def test_a_line_that_cron_refuses_is_kept_with_its_number_and_a_reason(line: str, word: str) -> None:
    found = read_crontab(f"# above\n{line}\n")
    assert not found.entries
    assert not found.variables
    assert [u.line for u in found.unread] == [2]
    assert word in found.unread[0].why


def test_a_variable_holds_below_its_line_and_is_not_expanded() -> None:
    text = 'A=1\n0 0 * * * first\nA = $A:2 # x\n "B b" = " kept "\nMAILTO=""\n0 0 * * * second\n'
    first, second = read_crontab(text).entries
    assert first.env == {"A": "1"}
    assert second.env == {"A": "$A:2 # x", "B b": " kept ", "MAILTO": ""}
    assert second.line == 6


def test_the_user_column_stands_before_the_command() -> None:
    text = "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n@daily www-data a\n0 0 * * * root\n"
    found = read_crontab(text, file="/etc/crontab", with_user=True)
    assert [(e.user, e.command) for e in found.entries] == [
        ("root", "cd / && run-parts --report /etc/cron.hourly"),
        ("www-data", "a"),
    ]
    assert [u.line for u in found.unread] == [3]


def test_windows_line_ends_and_a_missing_last_one_are_remarked() -> None:
    found = read_crontab("\ufeff# x\r\n0 0 * * * a\r\n0 1 * * * b")
    assert [e.command for e in found.entries] == ["a", "b"]
    assert [line for line, _ in found.remarks] == [3, 1]


def test_nothing_is_no_crontab_line() -> None:
    assert read_crontab("") == Crontab(file="crontab")
    assert read_crontab("\n  \n# 0 0 * * * a\n\t# b\n") == Crontab(file="crontab")
