"""What all scripts share: one login per provider, one copy of each piece of data, counted and in the ledger."""

from steersman.services.ports import Credentials, Lease, Pulled, Pulls

__all__ = ["Credentials", "Lease", "Pulled", "Pulls"]
