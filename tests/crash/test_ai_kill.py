"""A process that dies around a call: what may have been charged stays counted, what was answered is kept."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders_ai import PROMPT, Word, an_asker

pytestmark = pytest.mark.crash

_CHILD = """
import os, signal, sys
from pathlib import Path
from tests.builders_ai import PROMPT, SAID, Word, an_asker
from steersman.ai.store import Store

folder, step = Path(sys.argv[1]), sys.argv[2]

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def after(method):
    def wrapped(*args, **kwargs):
        method(*args, **kwargs)
        die()
    return wrapped

if step in ("reserve", "settle", "remember"):
    setattr(Store, step, after(getattr(Store, step)))
asker = an_asker(folder, die if step == "answer" else SAID)
if step == "tell":
    asker._tell = die
asker.ask(asker.plan(PROMPT, "text", Word), Word)
"""


@pytest.mark.parametrize(
    ("step", "counts_in_full", "is_kept"),
    [
        ("reserve", True, False),
        ("answer", True, False),
        ("settle", False, False),
        ("remember", False, True),
        ("tell", False, True),
    ],
)
def test_money_is_never_lost_sight_of(tmp_path: Path, step: str, counts_in_full: bool, is_kept: bool) -> None:
    most = an_asker(tmp_path).plan(PROMPT, "text", Word).most
    died = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path), step], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    later = an_asker(tmp_path)
    assert 0 < later.spent() <= most
    assert (later.spent() == most) is counts_in_full
    assert later.plan(PROMPT, "text", Word).is_cached is is_kept
    before = later.spent()
    later.ask(later.plan(PROMPT, "text", Word), Word)
    assert (later.spent() == before) is is_kept
