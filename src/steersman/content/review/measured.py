"""What review cost and what the first pass spared it: measured from the ledger, with how sure one can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import mean, median
from typing import Final, Protocol

import msgspec

from steersman.kernel.clock import utc

ENOUGH: Final = 20
"""Below as many observations a figure would say more than was seen."""
_Z: Final = 1.959963984540054


class RoundFacts(Protocol):
    """What is needed of a round (`queries.pieces.RoundRow`)."""

    @property
    def draft(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def asked_at(self) -> int: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def outcome(self) -> str: ...


class RemarkFacts(Protocol):
    """What is needed of a remark (`queries.pieces.RemarkRow`)."""

    @property
    def draft(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def caught(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share 0..1 of `n` with its 95% interval; all None while `n` is below what is enough."""

    n: int
    hits: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Median and mean of `n` observations; None while there are none to speak of."""

    n: int
    median: float | None = None
    mean: float | None = None


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces approved in a month (`2026-11`, UTC) and the rounds they took."""

    month: str
    pieces: int
    mean_rounds: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of review.

    Attributes:
        caught: of what people objected to in the text, the share at whose place the first pass had an open finding.
            Dismissed remarks and those about a piece as a whole are left out.
        with_confirmed: the same, findings included that a person said are right instead of writing them down again.
        rounds: that pieces took until they were approved; withdrawn ones do not count.
        hours: from asking until a person decided.
        months: the latest twelve with an approval.
        enough: observations from which on a share or a median is given.
    """

    caught: Share
    with_confirmed: Share
    by_category: dict[str, Share]
    by_type: dict[str, Share]
    rounds: Amount
    hours: Amount
    months: tuple[Month, ...]
    enough: int = ENOUGH


def measured(
    rounds: Sequence[RoundFacts],
    remarks: Iterable[RemarkFacts],
    confirmed: Iterable[tuple[str, str]] = (),
    *,
    enough: int = ENOUGH,
) -> Measured:
    """Return the figures; whatever rests on fewer than `enough` observations is given as counts alone."""
    known = set(confirmed)
    counted = [remark for remark in remarks if remark.status != "dismissed" and remark.start < remark.end]
    decided = [r for r in rounds if r.outcome in ("approved", "returned") and r.ended_at is not None]
    took = _rounds_until_approved(sorted(decided, key=lambda r: (r.ended_at or 0, r.draft)))
    # A finding that has a remark and a confirmation was objected to once.
    more = len(known - {(remark.draft, remark.caught) for remark in counted})
    hits = sum(bool(remark.caught) for remark in counted)
    return Measured(
        caught=_share(counted, enough),
        with_confirmed=_ratio(hits + more, len(counted) + more, enough),
        by_category={name: _share(some, enough) for name, some in _by(counted, "category").items()},
        by_type={name: _share(some, enough) for name, some in _by(counted, "type").items()},
        rounds=_amount([float(n) for _, n in took], enough),
        hours=_amount([((r.ended_at or 0) - r.asked_at) / 3.6e12 for r in decided], enough),
        months=_months(took),
        enough=enough,
    )


def _by(remarks: Iterable[RemarkFacts], field: str) -> dict[str, list[RemarkFacts]]:
    found = dict[str, list[RemarkFacts]]()
    for remark in remarks:
        found.setdefault(getattr(remark, field), []).append(remark)
    return dict(sorted(found.items()))


def _share(remarks: Sequence[RemarkFacts], enough: int) -> Share:
    return _ratio(sum(bool(remark.caught) for remark in remarks), len(remarks), enough)


def _ratio(hits: int, n: int, enough: int) -> Share:
    if n < enough:
        return Share(n=n, hits=hits)
    low, high = wilson(hits, n)
    return Share(n=n, hits=hits, ratio=hits / n, low=low, high=high)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95% score interval of a share, `n` >= 1.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22:209-212.
    """
    share, square = hits / n, _Z * _Z
    centre = share + square / (2 * n)
    half = _Z * sqrt(share * (1 - share) / n + square / (4 * n * n))
    scale = 1 + square / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _amount(values: Sequence[float], enough: int) -> Amount:
    if len(values) < enough:
        return Amount(n=len(values))
    return Amount(n=len(values), median=median(values), mean=mean(values))


def _rounds_until_approved(decided: Iterable[RoundFacts]) -> list[tuple[int, int]]:
    """Return (approved at, rounds it took) of every approval; an approved piece that comes back begins anew."""
    open_, found = dict[str, int](), list[tuple[int, int]]()
    for one in decided:
        open_[one.draft] = open_.get(one.draft, 0) + 1
        if one.outcome == "approved" and one.ended_at is not None:
            found.append((one.ended_at, open_.pop(one.draft)))
    return found


def _months(took: Iterable[tuple[int, int]]) -> tuple[Month, ...]:
    by = dict[str, list[int]]()
    for at, rounds in took:
        by.setdefault(f"{utc(at):%Y-%m}", []).append(rounds)
    latest = sorted(by.items())[-12:]
    return tuple(Month(month=m, pieces=len(some), mean_rounds=mean(some)) for m, some in latest)
