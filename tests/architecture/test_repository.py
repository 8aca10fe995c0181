"""Promises about the repository itself: no hosts in locks, no paths of a machine, claims that name a command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import LONGEST_FIRST, TOGETHER

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_locks_have_hashes_and_name_no_host() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text, f"{lock.name} names a host"


def test_no_secret_state_or_machine_path_is_tracked() -> None:
    own_home = re.compile(r"/(?:root|home/[a-z]+|work)/")
    for path in tracked():
        assert ".steersman" not in path.parts
        if (
            path.suffix in {".py", ".toml", ".md", ".json", ".html", ".css", ".js", ".txt", ".sh", ".yml", ""}
            and "vendor" not in path.parts
            # Scripts as other people write them, with the homes of people who do not exist.
            and "corpus" not in path.parts
        ):
            text = path.read_text(encoding="utf-8", errors="replace")
            found = own_home.search(text)
            assert found is None or path.name == Path(__file__).name, (
                f"{path.relative_to(ROOT)}: {found and found.group()}"
            )


def test_the_files_of_tests_that_go_first_are_there() -> None:
    assert [name for name in (*LONGEST_FIRST, *TOGETHER) if not (ROOT / name).is_file()] == []


def test_every_command_in_the_usage_page_has_a_module() -> None:
    from steersman.cli.main import GROUPS, NOUNS

    for noun, (module, summary) in NOUNS.items():
        assert (ROOT / "src/steersman/cli" / f"{module}.py").is_file(), noun
        assert len(f"  {noun:<9} {summary}") <= 80
    assert sorted(noun for group in GROUPS.values() for noun in group) == sorted(NOUNS)
