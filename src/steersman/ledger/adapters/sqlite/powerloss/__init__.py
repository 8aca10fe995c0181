"""A disk whose power can be cut: proves that what the ledger acknowledged survives, and that the proof can fail."""

from steersman.ledger.adapters.sqlite.powerloss.full import FullDisk
from steersman.ledger.adapters.sqlite.powerloss.prove import CrashReport, ModeReport, prove
from steersman.ledger.adapters.sqlite.powerloss.vfs import RecordingVfs

__all__ = ["CrashReport", "FullDisk", "ModeReport", "RecordingVfs", "prove"]
