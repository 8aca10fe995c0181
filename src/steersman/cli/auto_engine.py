"""`steersman auto engine`."""

from __future__ import annotations

from steersman.cli.auto_worker import worker
from steersman.cli.context import noun

app = noun("What runs the automations: how it is, bring the manifest to it, one more worker.")
app.command()(worker)
