"""Grammar and spelling in a process of its own: a desk that runs for months does not keep a dictionary it rarely needs.

Harper alone takes 150 MB once its dictionary is loaded. The process (apart_child.py) starts with the first question,
answers one at a time, and ends when nobody has asked for a while, or when whoever started it is gone.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.ports import Checker
from steersman.content.qa.blocks import PerBlock
from steersman.content.qa.engines.which import Which
from steersman.kernel.errors import Unavailable

IDLE_S: Final = 20.0
_ANSWER_S: Final = 120.0
_END_S: Final = 10.0
_TRIES: Final = 2
_CHILD: Final = "steersman.content.qa.engines.apart_child"


class Apart:
    """An engine that works in a child process. Safe for several threads, which are served one after the other."""

    def __init__(self, which: Which, *, idle_s: float = IDLE_S) -> None:
        """Remember what to start; nothing runs yet.

        Args:
            idle_s: seconds without a question after which the child ends.

        Raises:
            Misconfigured: the engine is not installed.
        """
        self.name = which.made().name  # says at once what is missing; dictionaries load with the first draft only
        self._which, self._idle_s = which, idle_s
        self._alone = threading.Lock()
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None
        self._timer: threading.Timer | None = None

    def check(self, draft: Draft) -> list[Found]:
        """Ask the child, which is started if there is none; if it is gone, another is asked once more.

        Raises:
            Unavailable: two children broke on the same text, or one did not answer within two minutes.
        """
        with self._alone:
            if self._timer is not None:
                self._timer.cancel()
            try:
                for _ in range(_TRIES):
                    if (found := self._asked(draft)) is not None:
                        return found
                raise Unavailable(
                    f"the process that checks grammar broke {_TRIES} times on {draft.name}",
                    fix=f"look at the draft: steersman content check {draft.name}",
                )
            finally:
                self._timer = threading.Timer(self._idle_s, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """End the child; the next question starts another."""
        with self._alone:
            self._end()

    @property
    def is_running(self) -> bool:
        """Whether there is a child now."""
        return self._child is not None

    def _asked(self, draft: Draft) -> list[Found] | None:
        """Return what the child says, None if it is gone."""
        _, pipe = self._child or self._start()
        try:
            pipe.send(draft)
            if not pipe.poll(_ANSWER_S):
                raise Unavailable(
                    f"the check of {draft.name} took more than {_ANSWER_S:.0f} s and was ended", fix="split the draft"
                )
            answer = pipe.recv()
        except (OSError, EOFError):
            self._end()
            return None
        except Unavailable:
            self._end()
            raise
        if isinstance(answer, BaseException):
            raise answer
        found: list[Found] = answer
        return found

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", _CHILD, str(theirs.fileno())]
        with theirs:
            self._child = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL), ours
        ours.send(self._which)
        return self._child

    def _end(self) -> None:
        if self._child is None:
            return
        (process, pipe), self._child = self._child, None
        pipe.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class KeptApart:
    """One child for each engine that anybody in this process asks for, and what it said of each draft's last version.

    So drafts that did not change since they were read last ask nobody. Safe for several threads.
    """

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._kept: dict[Which, _OneByOne] = {}

    def __call__(self, which: Which) -> Checker:
        """Return the engine that `which` says; of each kind the one that was asked for last is kept."""
        with self._alone:
            found = self._kept.get(which)
            if found is None:
                # Another vocabulary is another engine; nobody will ask for the one before it again.
                for old in [other for other in self._kept if other.name == which.name]:
                    del self._kept[old]
                found = self._kept[which] = _OneByOne(PerBlock(Apart(which)))
            return found


class _OneByOne:
    """An engine for several threads, which wait for each other."""

    def __init__(self, engine: Checker) -> None:
        self.name = engine.name
        self._engine = engine
        self._alone = threading.Lock()

    def check(self, draft: Draft) -> list[Found]:
        with self._alone:
            return self._engine.check(draft)
