"""`[shared]` of steersman.toml: the server through which several machines share; without it there is one machine."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from steersman.kernel.durations import seconds
from steersman.kernel.sizes import size_bytes
from steersman.kernel.toml_file import TomlFile
from steersman.services.commons.ports import MOST_BYTES

SECTION: Final = "shared"
_NAMESPACE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MACHINE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LEASE: Final = ("1s", "60s")
_LARGEST: Final = ("0B", f"{MOST_BYTES // 1_000_000}MB")
_MOST_MACHINES: Final = 100
Without = Literal["alone", "refuse"]


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every adapter has; each adds its own.

    Attributes:
        namespace: one operation's name on that server: machines that say the same share, others see nothing of it.
        machine: how this machine is called in what others read; empty: its host name.
        without: what a pull does while the server does not answer: go on alone (said, and at this machine's share of
            every rate), or fail as if upstream had.
        machines: how many there are: each keeps to that share of a rate while it is alone.
        lease: after how long a holder that is stopped or cut off has lost its locks.
        largest: data above that is not shared; each machine pulls it itself.
    """

    kind: str
    namespace: str = ""
    machine: str = ""
    without: Without = "alone"
    machines: int = 2
    lease: str = "6s"
    largest: str = "64MB"

    @property
    def machine_name(self) -> str:
        """How this machine is called, its host name where nothing else is said."""
        return self.machine or _NOT_A_NAME.sub("-", socket.gethostname())[:63] or "unnamed"

    @property
    def lease_s(self) -> float:
        return seconds(self.lease)

    @property
    def largest_bytes(self) -> int:
        return size_bytes(self.largest)

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        """Return self if every field is possible; nothing is looked up, nobody is asked.

        Raises:
            Misconfigured: names file, line, field, what was found and what is allowed.
        """
        if not _NAMESPACE.fullmatch(self.namespace):
            found = f"found {self.namespace!r}" if self.namespace else "is missing"
            raise file.error(
                (*path, "namespace"),
                f"{found}; allowed: 1 to 40 of a-z 0-9 _ -",
                fix='write e.g. namespace = "desk", the same on every machine of this operation',
            )
        if self.machine and not _MACHINE.fullmatch(self.machine):
            raise file.error(
                (*path, "machine"),
                f"found {self.machine!r}; allowed: 1 to 63 of a-z A-Z 0-9 . _ -",
                fix='write e.g. machine = "attic", or leave it out: then it is the host name',
            )
        if not 1 <= self.machines <= _MOST_MACHINES:
            raise file.error(
                (*path, "machines"), f"found {self.machines}, allowed: 1 to {_MOST_MACHINES}", fix="change machines"
            )
        _check_number(file, path, "lease", self.lease, seconds, _LEASE, "6s")
        _check_number(file, path, "largest", self.largest, size_bytes, _LARGEST, "64MB")
        return self


def read(file: TomlFile, root: Path, type_of: Callable[[str], type[SharedSettings]]) -> SharedSettings | None:
    """Return what `[shared]` says, None without it.

    Args:
        type_of: the settings of an adapter by its name.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    if file.get(SECTION) is None:
        return None
    kind = file.kind_type((SECTION,), type_of, "redis")
    return file.section((SECTION,), kind).checked(file, (SECTION,), root)


def _check_number(
    file: TomlFile,
    path: tuple[str, ...],
    field: str,
    text: str,
    parse: Callable[[str], float],
    bounds: tuple[str, str],
    example: str,
) -> None:
    fix = f'write e.g. {field} = "{example}"'
    try:
        value = parse(text)
    except ValueError as exc:
        raise file.error((*path, field), str(exc), fix=fix) from exc
    least, most = bounds
    if not parse(least) <= value <= parse(most):
        raise file.error((*path, field), f"found {text!r}, allowed: {least} to {most}", fix=fix)
