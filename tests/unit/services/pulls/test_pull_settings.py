"""What steersman.toml may say about pulls, and how it is refused: file, line, field, found, allowed, fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import a_script
from tests.builders_pulls import settings_of

from steersman.kernel.errors import Misconfigured
from steersman.services.pulls.model import Column, Param, Rate

WHOLE = """
[provider.vendor]
kind = "api_key"

[pull.bars_daily]
url = "https://data.example.com/v2/bars/{symbol}?feed=iex"
params = { symbol = "SPY", start = { type = "date" }, adjusted = true }
provider = "vendor"
headers = { X-Team = "desk", X-Key = "env:VENDOR_KEY" }
format = "json"
records = "data.bars"
ttl = "15m"
stale_while_revalidate = "1h"
stale_if_error = "1d"
timeout = "20s"
retries = 4
rate = "60/min"
max_bytes = "8MB"
http_cache = true
rows_min = 1
rows_max = 1000
extra_columns = "drop"
unique = ["t"]

[pull.bars_daily.schema.t]
type = "datetime"
epoch = "ms"
monotonic = true
max_gap = "4d"

[pull.bars_daily.schema.c]
type = "float"
min = 0
outlier = 8

[cache]
budget = "256MB"
ad_hoc = ["stooq.com"]
[cache.rates]
vendor = "200/min"
"data.example.com" = "10/s"
"""


def test_everything_that_may_be_said_is_understood(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, WHOLE)
    pull = settings.pulls["bars_daily"]
    assert pull.params == {
        "symbol": Param(default="SPY"),
        "start": Param(type="date"),
        "adjusted": Param(type="bool", default="true"),
    }
    assert (pull.ttl_s, pull.stale_while_revalidate_s, pull.stale_if_error_s) == (900, 3600, 86_400)
    assert (pull.rate, pull.max_bytes) == (Rate(calls=60, period_s=60), 8_000_000)
    assert pull.shape.columns == (
        Column(name="t", type="datetime", epoch="ms", monotonic="increasing", max_gap_s=345_600),
        Column(name="c", type="float", minimum=0, outlier=8.0),
    )
    assert settings.cache.budget_bytes == 256_000_000
    assert settings.cache.rates["data.example.com"] == Rate(calls=10, period_s=1)


def test_nothing_said_is_nothing_declared(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    assert (settings.pulls, settings.cache.ad_hoc) == ({}, ())


URL = 'url = "https://e.com/x"'
REFUSED = {
    "http": ('url = "http://example.com/x"', "steersman.toml:2: pull.p.url: found http, allowed: https"),
    "ftp": ('url = "ftp://example.com/x"', "found ftp, allowed: https"),
    "no host": ('url = "https:///x"', "has no host"),
    "host by parameter": ('url = "https://{h}.com/x"\nparams = { h = "a" }', "placeholder in it"),
    "login": ('url = "https://me:pw@example.com/x"', "carries a login"),
    "fragment": ('url = "https://example.com/x#y"', "has a #fragment"),
    "port": ('url = "https://example.com:99999/x"', "is no address"),
    "neither": ("ttl = '5m'", "needs either `url` or `command`"),
    "both": (f'{URL}\ncommand = "x.sh"', "needs either `url` or `command`"),
    "typo": (f'{URL}\nttll = "5m"', "pull.p.ttll: unknown field"),
    "placeholder": ('url = "https://e.com/{day}"', "{day} is not in params"),
    "parameter name": (f'{URL}\nparams = {{ Day = "x" }}', "is no name for a parameter"),
    "parameter value": (f'{URL}\nparams = {{ d = {{ type = "date", default = "x" }} }}', "allowed: a date"),
    "post": (f'{URL}\nmethod = "POST"', "steersman.toml:3: pull.p.method: found POST, allowed: GET, or POST with"),
    "put": (f'{URL}\nmethod = "PUT"', "Invalid enum value|invalid enum value"),
    "body": (f'{URL}\nbody = "x"', "a GET has no body"),
    "provider": (f'{URL}\nprovider = "nobody"', "found 'nobody', declared: vendor"),
    "ttl": (f'{URL}\nttl = "soon"', "'soon' is not a span"),
    "timeout": (f'{URL}\ntimeout = "2h"', "allowed: 0.1 to 3600 s"),
    "retries": (f"{URL}\nretries = 99", "allowed: 0 to 10"),
    "rate": (f'{URL}\nrate = "fast"', "is not a rate"),
    "size": (f'{URL}\nmax_bytes = "much"', "is not a size"),
    "login header": (f'{URL}\nheaders = {{ Authorization = "Bearer x" }}', "a login is not written into this file"),
    "our header": (f'{URL}\nheaders = {{ Host = "x" }}', "cannot be set"),
    "split header": (f'{URL}\nheaders = {{ X = "a\\r\\nb" }}', "characters that no header has"),
    "reference": (f'{URL}\nheaders = {{ X = "env:" }}', "found env: without the name"),
    "records": (f'{URL}\nrecords = "a.b"', "only json has a path"),
    "charset": (f'{URL}\nformat = "parquet"\ncharset = "latin-1"', "parquet has no charset"),
    "bytes": (f'{URL}\nformat = "bytes"\nrows_min = 1', "bytes have no rows"),
    "rows": (f"{URL}\nrows_min = 5\nrows_max = 1", "allowed: 0 <= rows_min"),
    "unique": (f'{URL}\nunique = ["a"]', "'a' is not in the schema"),
    "extra": (f'{URL}\nextra_columns = "refuse"', "without a schema every column is extra"),
    "type": (f'{URL}\n[pull.p.schema.a]\ntype = "number"', "nvalid enum value 'number'"),
    "no type": (f"{URL}\n[pull.p.schema.a]\nmin = 0", "`type` is missing"),
    "column typo": (f'{URL}\n[pull.p.schema.a]\ntype = "int"\nmini = 0', "pull.p.schema.a.mini: unknown field"),
    "min of text": (f'{URL}\n[pull.p.schema.a]\ntype = "text"\nmin = 0', "means nothing for text"),
    "bound": (f'{URL}\n[pull.p.schema.a]\ntype = "date"\nmin = "soon"', "steersman.toml:5: pull.p.schema.a.min: found"),
    "gap": (f'{URL}\n[pull.p.schema.a]\ntype = "date"\nmax_gap = "x"', "'x' is not a span"),
    "script": ('command = "nowhere.sh"', "allowed: a script of the workspace"),
    "script outside": ('command = "../../bin/sh"', "allowed: a script of the workspace"),
    "command line": ('command = "a \'b"', "not a command line"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(Misconfigured) as caught:
        settings_of(tmp_path, f"[pull.p]\n{text}\n")
    assert any(option in caught.value.message for option in words.split("|")), caught.value.message
    assert caught.value.message.startswith("steersman.toml:")
    assert caught.value.fix


def test_a_login_in_a_header_is_never_quoted(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        settings_of(tmp_path, f'[pull.p]\n{URL}\nheaders = {{ Cookie = "planted-secret" }}\n')
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[cache]\nbudget = "big"', "steersman.toml:2: cache.budget: 'big' is not a size"),
        ('[cache]\nbudgets = "1MB"', "cache.budgets: unknown field"),
        ('[cache.rates]\nvendor = "often"', "steersman.toml:2: cache.rates.vendor: 'often' is not a rate"),
        ('[cache]\nad_hoc = ["https://x.com"]', "cache.ad_hoc: found 'https://x.com', allowed: a host name"),
        ("pull = 5", "pull: found 5, allowed: tables"),
    ],
)
def test_bounds_of_the_cache_are_checked_too(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        settings_of(tmp_path, text)
    assert words in caught.value.message


def test_a_command_uses_every_parameter(tmp_path: Path) -> None:
    run = a_script(tmp_path, "x.sh", "true")
    with pytest.raises(Misconfigured, match="is used nowhere in the command"):
        settings_of(tmp_path, f'[pull.p]\ncommand = "{run}"\nparams = {{ a = 1 }}\n')
