"""Which text is a secret, and that none is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.audit import examine
from steersman.automation.audit.facts import Change, Edit, Secret
from steersman.automation.audit.model import Place
from steersman.automation.audit.patch import apply, chosen, veiled
from steersman.automation.audit.secret_shapes import entropy, find_secret, fingerprint
from steersman.automation.audit.source import Source
from steersman.bench.audit_corpus import planted


@pytest.mark.parametrize("kind", ["aws_id", "slack", "stripe", "openai"])
def test_known_shapes_are_secrets_under_any_name(kind: str) -> None:
    value = planted(kind, "test")
    assert find_secret(f"x {value} y", "color") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "correct-horse"),
        ("password", "changeme"),
        ("API_KEY", "your-api-key-here"),
        ("API_KEY", "xxxxxxxxxxxxxxxxxxxxxxxx"),
        ("token", "${TOKEN}"),
        ("token", "test-token-1"),
        ("token_file", "Zx81kQpL0v7Rt2Ws"),
        ("password_hint", "Zx81kQpL0v7Rt2Ws"),
        ("color", "Zx81kQpL0v7Rt2Ws"),
        ("secret", "env:NAME_2"),
        ("secret", "/run/secrets/a1B2c3D4"),
        ("monkey_count", "a1B2c3D4e5"),
        ("key", "primary"),
        ("api_key", "r([a-z0-9]{64})"),
        ("key", "__original_key__"),
        ("password", "(?:secret[-_]?key1)"),
        ("url", "redis://[[username]:[password]]@localhost:6379/0"),
    ],
)
def test_placeholders_words_paths_and_other_names_are_none(name: str, value: str) -> None:
    assert find_secret(value, name) is None


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWD", "api_key", "X-Key", "access_token", "client_secret", "PGPASSWORD"]
)
def test_random_values_under_promising_names_are_secrets(name: str) -> None:
    assert find_secret("Zx81kQpL0v7Rt2Ws", name) is not None


@given(value=st.text(alphabet="ABCDEFabcdef0123456789-_", min_size=1, max_size=80))
def test_entropy_is_between_none_and_that_of_its_length(value: str) -> None:
    assert 0 <= entropy(value) <= len(value).bit_length()


@given(value=st.text(alphabet="abcXYZ0123456789", min_size=12, max_size=40), around=st.text(max_size=40))
def test_a_veil_leaves_nothing_of_a_secret(value: str, around: str) -> None:
    place = Place(file="a", line=1, column=1)
    secret = Secret(place=place, kind="key", value=value, stem="x", change=lambda _n, _h: Change())
    assert value not in veiled(f"{around}{value}{around}", [secret])
    assert value not in repr(secret)
    assert value not in fingerprint(value)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), st.text("xyz", max_size=3)), max_size=12))
def test_edits_that_are_made_together_never_touch_the_same_bytes(parts: list[tuple[int, int, str]]) -> None:
    data = b"abcdefghijklmnopqrstuvwxyz0123456789"
    changes = [Change(edits=(Edit(start=s, end=s + n, new=new),)) for s, n, new in parts]
    kept = chosen(changes)
    edits = [e for c in kept for e in c.edits]
    after = apply(Source("a", data), "env", kept)
    removed = sum(e.end - e.start for e in edits)
    assert after is not None
    assert len(after) == len(data) - removed + sum(len(e.new) for e in edits)


def test_an_env_file_counts_only_if_a_script_reads_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# mine\nexport API_TOKEN='Zx81kQpL0v7Rt2Ws'\nUSER=desk\n", encoding="utf-8")
    (tmp_path / "a.sh").write_text("echo hello\n", encoding="utf-8")
    assert examine(tmp_path).report.findings == ()
    (tmp_path / "a.sh").write_text("source .env\n", encoding="utf-8")
    (found,) = examine(tmp_path).report.findings
    assert (found.code, found.place.file, found.place.line, found.diff) == ("SECRET_IN_CODE", ".env", 2, "")


@pytest.mark.parametrize("text", ["a" * 100_000, "a://" * 30_000, "://:" * 30_000, "eyJ" * 40_000])
def test_a_huge_word_without_a_secret_is_none_and_is_looked_through_once(text: str) -> None:
    # Patterns that start anew at each character took minutes here.
    assert find_secret(text) is None
