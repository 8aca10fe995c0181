"""Which event types a reader wants: exact names, or `domain.*` for all that begin so."""

from __future__ import annotations

from collections.abc import Iterable


class TypeFilter:
    """Says whether a type is wanted; `trading.*` wants every type that begins with `trading.`."""

    def __init__(self, types: Iterable[str]) -> None:
        wanted = tuple(types)
        self.exact = frozenset(t for t in wanted if not t.endswith(".*") and t != "*")
        self.prefixes = tuple("" if t == "*" else t[:-1] for t in wanted if t.endswith(".*") or t == "*")

    def __call__(self, type_: str) -> bool:
        return type_ in self.exact or (bool(self.prefixes) and type_.startswith(self.prefixes))

    def sql(self) -> tuple[str, list[str | int]]:
        """Return a condition on the column `type`, and its parameters."""
        terms = [f"type IN ({', '.join('?' * len(self.exact))})"] if self.exact else []
        bound: list[str | int] = [*sorted(self.exact)]
        for prefix in self.prefixes:
            terms.append("substr(type, 1, ?) = ?")
            bound += [len(prefix), prefix]
        return (f"({' OR '.join(terms)})" if terms else "0"), bound
