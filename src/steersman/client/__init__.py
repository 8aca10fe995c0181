"""What a script needs of Steersman, and nothing else: a login, shared data, a result, an event.

Imports nothing but the standard library, so that a script stays quick and may run in an environment of its own.
"""

from steersman.client.data import Data, Receipt, pull
from steersman.client.leases import Lease, token
from steersman.client.problem import Problem
from steersman.client.said import emit, result

__all__ = ["Data", "Lease", "Problem", "Receipt", "emit", "pull", "result", "token"]
