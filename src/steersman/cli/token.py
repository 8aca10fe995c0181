"""`steersman token`: lease a login."""

from __future__ import annotations

from steersman.cli.context import noun

app = noun("Not there yet.")
