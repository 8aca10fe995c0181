"""The ledger in one SQLite file: one writer with group commit, any number of readers."""

from steersman.ledger.adapters.sqlite.ballast import BALLAST_BYTES
from steersman.ledger.adapters.sqlite.ledger import SqliteLedger, create
from steersman.ledger.adapters.sqlite.reader import ReadOnlyLedger, SqliteReader

__all__ = ["BALLAST_BYTES", "ReadOnlyLedger", "SqliteLedger", "SqliteReader", "create"]
