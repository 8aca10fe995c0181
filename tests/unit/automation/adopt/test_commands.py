"""Command lines as people write them into crontabs, and what the manifest says instead."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.automation.adopt.commands import locks_of, read_command

HOME = {"HOME": "/srv/me", "S": "/srv/scripts", "ODD": "a b"}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("/a/b.py x 'y z'", {"words": ("/a/b.py", "x", "y z")}),
    ("cd /srv/x && ./a.sh", {"cwd": "/srv/x", "words": ("./a.sh",)}),
    ("cd /srv/x; ./a.sh", {"cwd": "/srv/x", "words": ("./a.sh",)}),
    ("cd && ./a.sh", {"cwd": "/srv/me", "words": ("./a.sh",)}),
    ("cd /srv && cd x && ./a.sh", {"cwd": "/srv/x"}),
    ('$S/a.py ~/b "$HOME/c d" $ODD', {"words": (), "why_shell": "$ODD is for the shell to work out"}),
    ('$S/a.py ~/b "$HOME/c d"', {"words": ("/srv/scripts/a.py", "/srv/me/b", "/srv/me/c d")}),
    ("flock -n /run/l a", {"words": ("a",), "overlap": "skip", "lock": "/run/l"}),
    ("flock --nonblock /run/l a -n", {"words": ("a", "-n"), "overlap": "skip"}),
    ("flock /run/l a", {"words": ("a",), "overlap": "queue"}),
    ("flock -w 10 /run/l a", {"words": ("a",), "overlap": "queue"}),
    ("flock -n /run/l -c 'cd /x && a b'", {"words": ("a", "b"), "cwd": "/x", "overlap": "skip"}),
    ("flock -s /run/l a", {"words": ("flock", "-s", "/run/l", "a"), "overlap": None}),
    ("timeout 90 a", {"words": ("a",), "timeout_s": 90.0}),
    ("timeout -k 5 1.5m a", {"words": ("a",), "timeout_s": 90.0}),
    ("timeout --signal=INT 2h a", {"words": ("a",), "timeout_s": 7200.0}),
    ("timeout 30d a", {"timeout_s": 7 * 86400.0}),
    ("timeout 0 a", {"words": ("a",), "timeout_s": None}),
    ("nice -n 10 ionice -c3 a b", {"words": ("a", "b"), "prefix": ("nice", "-n", "10", "ionice", "-c3")}),
    ("nice a", {"words": ("a",), "prefix": ("nice",)}),
    ("chronic a b", {"words": ("a", "b")}),
    ("nohup setsid a &", {"words": ("a",)}),
    ("/usr/bin/env X=1 Y='2 3' a", {"words": ("a",), "env": {"X": "1", "Y": "2 3"}}),
    ("env -i a", {"words": ("env", "-i", "a")}),
    ("X=1 a", {"words": ("a",), "env": {"X": "1"}}),
    ("export X=1; a", {"words": ("a",), "env": {"X": "1"}}),
    ("export X=$(date); a", {"words": (), "why_shell": "several commands"}),
    ("set -e; a", {"words": ("a",)}),
    ("sh -c 'cd /x; exec ./y.sh'", {"words": ("./y.sh",), "cwd": "/x"}),
    ("bash -lc 'a'", {"words": ("bash", "-lc", "a")}),
    ("a >> /var/log/a.log 2>&1", {"words": ("a",)}),
    ("a > /dev/null 2>&1", {"words": ("a",)}),
    ("a &> logs/a", {"words": ("a",)}),
    ("cd /x && a >> a.log 2>&1", {"words": ("a",), "cwd": "/x"}),
    ("a > /srv/data.csv", {"words": (), "text": "a > /srv/data.csv", "why_shell": "a redirection that may write data"}),
    ("a < /srv/in", {"words": (), "why_shell": "a redirection that may write data"}),
    ("a 2>&1 | logger -t a", {"words": ("a",)}),
    ("a | tee -a /var/log/a.log", {"words": ("a",)}),
    ("a | tee /srv/out.csv", {"words": (), "why_shell": "a pipe"}),
    ("a | mail -s x me", {"words": (), "text": "a | mail -s x me", "why_shell": "a pipe"}),
    ("a || true", {"words": (), "text": "a || true", "why_shell": "|| decides what runs next"}),
    ("a && b", {"words": (), "text": "a && b", "why_shell": "several commands"}),
    ("[ -x /a ] && /a", {"words": (), "why_shell": "several commands"}),
    ("rm -f /srv/x/*.csv", {"words": (), "why_shell": "/srv/x/*.csv is for the shell to work out"}),
    ("a $(date +%F)", {"words": (), "why_shell": "$(date +%F) is for the shell to work out"}),
    ("a `date`", {"words": ()}),
    ("sleep $((RANDOM % 300)); a", {"words": ("a",)}),
    ("sleep $RANDOM && a", {"words": ("a",)}),
    ("sleep 30; a", {"words": (), "text": "sleep 30; a"}),
    (". /srv/venv/bin/activate && python a.py", {"venv": "/srv/venv", "words": ("python", "a.py")}),
    ("source venv/bin/activate; a $(x)", {"text": ". venv/bin/activate && a $(x)"}),
    ("for i in 1 2; do a $i; done", {"words": (), "why_shell": "a loop"}),
    ("(cd /x; a)", {"words": (), "why_shell": "a subshell"}),
    ("a 'unclosed", {"words": (), "why_shell": "the shell grammar does not cover all of it"}),
    ("cd /x", {"words": ("cd", "/x")}),
]


@pytest.mark.parametrize(("text", "fields"), CASES)
def test_a_command_line_is_taken_apart_as_far_as_the_manifest_can_say_it(text: str, fields: dict[str, Any]) -> None:
    found = read_command(text, known=HOME)
    assert {name: getattr(found, name) for name in fields} == fields
    assert bool(found.words) != bool(found.why_shell)


def test_what_is_read_differently_is_said() -> None:
    found = read_command("nohup flock -w 9 /run/l timeout -s KILL 5 a >> /var/log/a.log 2>&1 &")
    assert found.words == ("a",)
    text = "\n".join(found.notes)
    for word in ("/var/log/a.log", "&", "nohup", 'overlap = "queue"', "after 9 s", "SIGTERM"):
        assert word in text


def test_a_lock_of_several_entries_stays_where_it_is() -> None:
    command = "flock -n /run/l a"
    assert locks_of("cd /x && " + command + " > /dev/null") == ["/run/l"]
    found = read_command(command, shared_locks=frozenset({"/run/l"}))
    assert found.words == ("flock", "-n", "/run/l", "a")
    assert found.overlap is None


def test_a_command_with_a_secret_stays_with_the_shell_that_puts_it_in() -> None:
    found = read_command('cd /x && curl "$TOKEN" > /dev/null', needs_shell="a secret comes from a variable")
    assert (found.cwd, found.text, found.words) == ("/x", 'curl "$TOKEN"', ())
