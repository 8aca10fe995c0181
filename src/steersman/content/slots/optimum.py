"""The best plan there is, by integer programming; needs the extra `slots` (scipy with HiGHS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from steersman.content.slots.board import Board
from steersman.content.slots.features import Floats
from steersman.content.slots.greedy import Worth
from steersman.content.slots.model import WaitingPost

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Outcome = Literal["found", "none exists", "gave up", "no solver"]

_NODES: Final = 2_000  # a limit in nodes, not seconds: the same plan on a slow machine
_TIE: Final = 1e-7  # of equal plans the earlier


def optimum(board: Board, posts: Sequence[WaitingPost], worth: Worth) -> Outcome:
    """Put every post on the board so that the sum of what slots are worth is highest; leaves it alone unless `found`.

    One variable for each kind of post and slot: posts of one type and one window are alike, so they are counted, not
    named, which is what keeps 90 posts small. A campaign's parts are kinds of their own.
    """
    try:
        from scipy.optimize import LinearConstraint, milp  # an optional extra, half a second to import
    except ImportError:
        return "no solver"
    kinds = _Kinds(board, posts, worth)
    if any(not kind.any() for kind in kinds.free):
        return "none exists"
    matrix, least, most = kinds.rows()
    answer = milp(
        -kinds.value,
        constraints=LinearConstraint(matrix, least, most),
        integrality=np.ones(len(kinds.value)),
        bounds=(0, 1),
        options={"node_limit": _NODES, "mip_rel_gap": 1e-6},
    )
    if answer.x is None:
        return "none exists" if answer.status == 2 else "gave up"
    kinds.put(answer.x)
    return "found"


class _Kinds:
    """Posts that are alike, and the variables `kind takes slot`, only where the slot is free for the kind."""

    def __init__(self, board: Board, posts: Sequence[WaitingPost], worth: Worth) -> None:
        self._board = board
        groups: dict[tuple[object, ...], list[WaitingPost]] = {}
        for post in posts:
            own = post.key if post.campaign else ""
            groups.setdefault((post.type, post.not_before, post.not_after, own), []).append(post)
        self._members = list(groups.values())
        self.free = [board.free(members[0]) for members in self._members]
        pairs = [(kind, slot) for kind, free in enumerate(self.free) for slot in np.flatnonzero(free)]
        self._kind = np.array([kind for kind, _ in pairs], dtype=np.intp)
        self._slot = np.array([slot for _, slot in pairs], dtype=np.intp)
        worths = np.array([worth[members[0].key] for members in self._members])
        early = np.linspace(1, 0, len(board.slots)) * _TIE * (float(np.abs(worths).max(initial=0.0)) or 1.0)
        self.value: Floats = (worths + early)[self._kind, self._slot]

    def rows(self) -> tuple[csr_array, Floats, Floats]:
        """Return the constraints: matrix, least and most of each row."""
        rows: list[tuple[Any, float, float]] = [
            (self._kind == kind, len(members), len(members)) for kind, members in enumerate(self._members)
        ]
        rows += [(inside, 0, 1) for inside in self._windows()]
        rows += self._days()
        rows += [(clash, 0, 1) for clash in self._campaigns()]
        from scipy.sparse import csr_array  # as above

        least = np.array([row[1] for row in rows], dtype=float)
        most = np.array([row[2] for row in rows], dtype=float)
        return csr_array(np.array([row[0] for row in rows])).astype(float), least, most

    def _windows(self) -> list[Any]:
        """At most one post in any span of the gap: one row for each slot that opens such a span."""
        board, gap = self._board, max(self._board.rules.min_gap_ns, 1)
        at = board.at[self._slot]
        return [(at >= opens) & (at < opens + gap) for opens in np.unique(at)]

    def _days(self) -> list[tuple[Any, float, float]]:
        board = self._board
        day = board.day[self._slot]
        return [(day == one, 0, board.room(int(one))) for one in np.unique(day)]

    def _campaigns(self) -> list[Any]:
        """Of two parts of a campaign, the first is not at or after a slot while the later is at or before it."""
        rows = []
        single = [(kind, members[0]) for kind, members in enumerate(self._members) if members[0].campaign]
        for first, one in single:
            for later, other in single:
                if one.campaign == other.campaign and one.order < other.order:
                    for slot in np.flatnonzero(self.free[first] | self.free[later]):
                        ahead = (self._kind == first) & (self._slot >= slot)
                        behind = (self._kind == later) & (self._slot <= slot)
                        rows.append(ahead | behind)
        return rows

    def put(self, taken: Floats) -> None:
        """Put the posts of each kind into its slots, in their order."""
        for kind, members in enumerate(self._members):
            slots = np.sort(self._slot[(self._kind == kind) & (taken > 0.5)])
            for post, slot in zip(members, slots.tolist(), strict=True):
                self._board.place(post, slot)
