"""Proofs that anybody can run: the ledger under power loss, the core under kill -9 at any step."""

from steersman.bootstrap.proof.kill import KillReport, kill, kill_at_each_step
from steersman.bootstrap.proof.powerloss import crash

__all__ = ["KillReport", "crash", "kill", "kill_at_each_step"]
