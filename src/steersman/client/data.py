"""Shared data: an immutable file that every process reads, checked once when it came in."""

from __future__ import annotations

import os

from steersman.client.asking import request
from steersman.client.problem import Problem

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path
    from types import ModuleType
    from typing import Any, NoReturn

    import polars as pl

TIMEOUT_S = 300.0


class Receipt:
    """What was checked when the data came in; nobody needs to check it again.

    Attributes:
        checks: name of each check -> what it found, in words; all passed.
        content_hash: sha256 (hex) of the stored bytes. rows: None for data without a schema.
        pulled_at_ns: ns since 1970 UTC when the source said so.
    """

    __slots__ = (
        "checks",
        "content_hash",
        "etag",
        "key",
        "pulled_at_ns",
        "rows",
        "schema_version",
        "size_bytes",
        "source",
    )

    def __init__(self, value: dict[str, Any]) -> None:
        self.key: str = value["key"]
        self.source: str = value["source"]
        self.etag: str = value["etag"]
        self.size_bytes: int = value["size_bytes"]
        self.rows: int | None = value["rows"]
        self.content_hash: str = value["content_hash"]
        self.schema_version: str = value["schema_version"]
        self.checks: dict[str, str] = value["checks"]
        self.pulled_at_ns: int = value["pulled_at"]

    def __repr__(self) -> str:
        return f"<Receipt {self.key}: {len(self.checks)} checks passed, sha256 {self.content_hash[:12]}>"

    @property
    def pulled_at(self) -> datetime:
        """When the source said so, aware, UTC."""
        from datetime import UTC, datetime  # start-up time: most scripts never look

        return datetime.fromtimestamp(self.pulled_at_ns / 1e9, UTC)


class Data:
    """Data at hand. The file is held open, so it stays readable even when the cache lets go of it.

    Attributes:
        frame: arrow (a table) or bytes (a body as it came).
        state: pulled, revalidated, fresh, stale or stale_on_error; `age_s` seconds since the source said so.
    """

    __slots__ = ("_fd", "_path", "age_s", "frame", "key", "receipt", "state")

    def __init__(self, value: dict[str, Any]) -> None:
        """Open what an answer names.

        Raises:
            FileNotFoundError: the cache let go of it already.
        """
        self._fd = -1
        self._path: str = value["path"]
        self.key: str = value["key"]
        self.frame: str = value["frame"]
        self.state: str = value["state"]
        self.age_s: float = value["age_s"]
        self.receipt = Receipt(value["receipt"])
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def __repr__(self) -> str:
        rows = "" if self.receipt.rows is None else f"{self.receipt.rows} rows, "
        return f"<Data {self.key}: {rows}{self.receipt.size_bytes} bytes, {self.state}, {self.age_s:.0f} s old>"

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)

    def __reduce__(self) -> NoReturn:
        raise TypeError("data is not sent to other processes: pull it there, nothing is fetched or copied")

    @property
    def path(self) -> Path:
        """The file: Arrow IPC for a table. Use it at once, or hold on to this object: the cache may replace it."""
        from pathlib import Path  # start-up time: most scripts take polars() or rows()

        return Path(f"/proc/self/fd/{self._fd}") if not os.access(self._path, os.R_OK) else Path(self._path)

    def mmap(self) -> memoryview:
        """Return the file's bytes, mapped, read-only: no copy, and one copy in memory for all processes."""
        if os.fstat(self._fd).st_size == 0:
            return memoryview(b"")
        import mmap  # start-up time: only who reads needs it

        return memoryview(mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ))

    def polars(self) -> pl.DataFrame:
        """Return the whole table, copied into this process; `lazy` reads less where less is needed.

        Raises:
            Problem: it is no table, or polars is not installed where this script runs.
        """
        whole: pl.DataFrame = self._with_polars().read_ipc(f"/proc/self/fd/{self._fd}")
        return whole

    def _with_polars(self) -> ModuleType:
        self._must_be("arrow", "text(), bytes() or json()")
        try:
            import polars as pl  # optional here: a script may run in an environment of its own
        except ImportError:
            raise Problem(
                "polars is not installed where this script runs", fix="pip install polars", kind="Misconfigured"
            ) from None
        return pl

    def lazy(self) -> pl.LazyFrame:
        """Return the table to ask questions of: only the columns a question touches are read.

        Raises:
            Problem: as `polars`.
        """
        polars = self._with_polars()
        # polars takes a descriptor of its own, so the frame may outlive this object.
        with open(self._fd, "rb", buffering=0, closefd=False) as file:
            table: pl.LazyFrame = polars.scan_ipc(file)
        return table

    def arrow(self) -> Any:
        """Return the table as a pyarrow.Table over the mapped file: no copy.

        Raises:
            Problem: it is no table, or pyarrow is not installed where this script runs.
        """
        self._must_be("arrow", "text(), bytes() or json()")
        try:
            import pyarrow as pa  # optional: the extra `arrow`
        except ImportError:
            raise Problem(
                "pyarrow is not installed where this script runs",
                fix="pip install 'steersman[arrow]' (or pyarrow), or use .polars()",
                kind="Misconfigured",
            ) from None
        return pa.ipc.open_file(pa.py_buffer(self.mmap())).read_all()

    def rows(self) -> list[dict[str, Any]]:
        """Return the table as a list of dicts, for small tables.

        Raises:
            Problem: as `polars`.
        """
        return self.polars().to_dicts()

    def bytes(self) -> bytes:
        """Return the body as it came.

        Raises:
            Problem: it is a table.
        """
        self._must_be("bytes", "polars(), rows() or arrow()")
        return bytes(self.mmap())

    def text(self, encoding: str = "utf-8") -> str:
        """Return the body as text; raises as `bytes`, and UnicodeDecodeError."""
        return self.bytes().decode(encoding)

    def json(self) -> Any:
        """Return the body parsed as JSON; raises as `bytes`, and ValueError."""
        import json  # loaded already; named here so that this module's own names stay free of it

        return json.loads(self.bytes())

    def _must_be(self, frame: str, instead: str) -> None:
        if self.frame != frame:
            found = "a table" if self.frame == "arrow" else "a body without a schema"
            raise Problem(f"{self.key} is {found}", fix=f"use {instead}", kind="Misused")


def pull(
    what: str,
    /,
    *,
    max_age_s: float | None = None,
    timeout_s: float = TIMEOUT_S,
    **params: str | int | float | bool | date,
) -> Data:
    """Return the data of the declared pull `what`, or of an https address; fetched and checked once for everybody.

    Args:
        max_age_s: how old it may be at most; as declared when not given. 0 asks the source in any case.
        params: values for the pull's declared parameters.

    Raises:
        Problem: no such pull, the source fails and nothing older may be served, or what came broke its schema.
    """
    fields = {"what": what, "params": {k: _text(v) for k, v in params.items()}, "max_age_s": max_age_s}
    try:
        return Data(request("pull", fields, timeout_s=timeout_s))
    except FileNotFoundError:
        # Between the answer and our opening it, the cache needed the room: what was just served is asked for again.
        return _again(fields, timeout_s)


def _again(fields: dict[str, Any], timeout_s: float) -> Data:
    try:
        return Data(request("pull", fields, timeout_s=timeout_s))
    except FileNotFoundError:
        raise Problem(
            f"{fields['what']} was let go of twice before it could be opened: the cache is too small",
            fix='raise `budget` under [cache] in steersman.toml, e.g. budget = "1GB"',
        ) from None


def _text(value: str | int | float | bool | date) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
