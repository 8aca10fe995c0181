"""steersman.toml while the desk runs: changed limits are put in force; nonsense is refused, and the old ones stay."""

from __future__ import annotations

import hashlib

from steersman.bootstrap.workspace import FILE, Workspace, load_workspace
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.ledger import Ledger, new_event
from steersman.policy.events import EDIT_REFUSED, POLICY_STREAM, EditRefused
from steersman.policy.store import activate


class PolicyFile:
    """Looks at the file from time to time; each content is judged once."""

    def __init__(self, workspace: Workspace, ledger: Ledger, clock: Clock) -> None:
        self._root = workspace.root
        self._ledger = ledger
        self._clock = clock
        self._judged = self._digest()

    def look(self) -> str | None:
        """Take in what changed since the last look; return what was done in words, None if nothing was.

        Only `[policy.*]` comes into force this way: what is traded, where and by which strategies is read at a start.
        """
        digest = self._digest()
        if digest == self._judged:
            return None
        self._judged = digest
        try:
            values = load_workspace(self._root).policy
        except Misconfigured as exc:
            return self._refuse(digest, exc)
        try:
            made = activate(
                self._ledger,
                values,
                actor="person:file",
                reason=f"{FILE} was edited while the desk ran",
                source=FILE,
                now_ns=self._clock.now_ns(),
            )
        except Conflict:
            self._judged = ""  # somebody put another version in force at this moment: look again
            return None
        return f"policy version {made.version} is in force, from {FILE}" if made is not None else None

    def _refuse(self, digest: str, exc: Misconfigured) -> str:
        now = self._clock.now_ns()
        data = EditRefused(source=FILE, digest=digest, problem=exc.message, fix=exc.fix, at=now)
        event = new_event(EDIT_REFUSED, stream=f"{POLICY_STREAM}/edits", data=data, actor="core", now_ns=now)
        self._ledger.append([event])
        return f"{FILE} is refused, what was in force stays: {exc}"

    def _digest(self) -> str:
        try:
            return hashlib.sha256((self._root / FILE).read_bytes()).hexdigest()[:32]
        except OSError:
            return ""  # it is being written, or gone for a moment
