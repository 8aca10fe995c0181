"""Pulls whose data a script of the workspace makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import a_script
from tests.builders_pulls import Rig

from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable


def _toml(run: str, more: str = "") -> str:
    return f'[pull.made]\ncommand = "{run}"\nretries = 0\ntimeout = "10s"\n{more}'


def test_what_a_script_prints_is_the_data(tmp_path: Path) -> None:
    run = a_script(tmp_path, "make.sh", "echo 'n,what'\nfor i in 1 2 3; do echo $i,$1; done\n")
    toml = _toml(f"{run} {{what}}", 'params = { what = "a b; rm -rf" }\n[pull.made.schema.n]\ntype = "int"')
    with Rig(tmp_path, toml) as rig:
        given = rig.pull("made")
        assert given.receipt.rows == 3
        assert given.receipt.source == "command automations/make.sh"
        assert rig.pull("made").state == "fresh"


def test_what_a_script_writes_to_its_file_wins(tmp_path: Path) -> None:
    run = a_script(
        tmp_path, "make.py", "import os\nprint('chatter')\nopen(os.environ['STEERSMAN_OUT'], 'w').write('a\\n1\\n')\n"
    )
    with Rig(tmp_path, _toml(run, 'format = "bytes"')) as rig:
        assert Path(rig.pull("made").path).read_bytes() == b"a\n1\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo planted-secret >&2; exit 3", "ended with 3"),
        ("true", "wrote nothing"),
        ("yes", "more than 1,000,000 bytes"),
        ("trap '' TERM; sleep 30 & wait", "did not end within 0.5 s"),
    ],
)
def test_a_script_that_fails_is_named_and_ended_whole(tmp_path: Path, body: str, words: str) -> None:
    run = a_script(tmp_path, "make.sh", f"{body}\n")
    toml = _toml(run, 'max_bytes = "1MB"').replace("10s", "500ms")
    with Rig(tmp_path, toml, clock=SystemClock()) as rig:
        with pytest.raises(Unavailable, match=words):
            rig.pull("made")
        assert "planted" not in rig.told()
        for log in (rig.state / "pulls" / "logs").glob("*"):
            assert log.stat().st_mode & 0o777 == 0o600
