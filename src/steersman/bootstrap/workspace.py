"""A workspace: the folder with steersman.toml, decoded once and refused with file, line and field when it is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec

from steersman.automation import settings as automation
from steersman.content import settings as content
from steersman.feedback import settings as feedback
from steersman.kernel.toml_file import TomlFile
from steersman.policy.parameter import Catalogue
from steersman.trading import settings as trading
from steersman.trading.limits import PARAMETERS

FILE = "steersman.toml"
CATALOGUE = Catalogue(PARAMETERS)


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[desk]`: whose operation this is. `tz` is how times are shown; events are in UTC."""

    name: str = "My desk"
    tz: str = "UTC"
    currency: str = "USD"
    capital: str = "100000"


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[console]`: where the pages are served. Loopback only, until other sign-ins than the token exist."""

    port: int = 8787
    host: str = "127.0.0.1"


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything steersman.toml declares, checked; `policy` is canonical text by full parameter name."""

    root: Path
    file: TomlFile
    desk: DeskSettings
    console: ConsoleSettings
    trading: trading.TradingSettings
    automations: dict[str, automation.AutomationSettings]
    content: content.ContentSettings
    channels: dict[str, content.ChannelSettings]
    kpis: feedback.KpiSettings
    policy: dict[str, str]

    @property
    def state(self) -> Path:
        """The folder of everything Steersman writes about itself."""
        return self.root / ".steersman"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.db"

    @property
    def projections(self) -> Path:
        return self.state / "projections.db"

    @property
    def socket(self) -> Path:
        return self.state / "core.sock"

    @property
    def anchor(self) -> Path:
        return self.state / "head.anchor"
