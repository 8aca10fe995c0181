"""Pulls over HTTP from a real server: freshness, revalidation, failures, and an other side that lies."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.builders_automation import wait_for
from tests.builders_pulls import CSV, Answer, Logins, Rig, a_site, bars, gzipped

from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable
from steersman.services.events import DATA_PULLED, DATA_REFUSED, DATA_SERVED, PULL_FAILED
from steersman.services.pulls import flight
from steersman.services.pulls.checking import check_apart


def test_data_is_asked_for_once_and_served_as_an_arrow_file(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        first, second = rig.pull(), rig.pull()
        frame = pl.read_ipc(second.path)
    assert (first.state, second.state, site.calls) == ("pulled", "fresh", 1)
    assert frame.schema == {"day": pl.Date, "symbol": pl.String, "close": pl.Float64}
    assert frame["close"].to_list() == [100.5, 101.25, 99.0]
    assert first.receipt.rows == 3
    assert "monotonic" not in first.receipt.checks
    assert first.receipt.checks["day"] == "date, none empty, 2026-01-02 to 2026-01-06, increasing"


def test_the_receipt_stands_in_the_ledger_without_query_or_body(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site, f'url = "{site.url}/bars.csv?apikey={{key}}"\nparams = {{ key = "planted-secret" }}')
        with Rig(tmp_path, toml) as rig:
            given = rig.pull()
            told = rig.events(DATA_PULLED)[0]
            everything = rig.told()
        assert site.requests[0][1] == "/bars.csv?apikey=planted-secret"
    assert told["source"] == f"{site.url}/bars.csv"
    assert told["upstream_calls"] == 1
    assert told["why"] == "cold"
    assert told["content_hash"] == given.receipt.content_hash
    assert "planted" not in everything
    assert "planted" not in "".join(p.read_text("latin-1") for p in rig.state.rglob("*.json"))


def test_data_ages_while_it_is_checked_and_while_the_machine_sleeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:

        def slept(*given: Any) -> Any:
            rig.advance(600)
            return check_apart(*given)

        monkeypatch.setattr(flight, "check_apart", slept)
        assert rig.pull().age_s == 600
        assert (rig.pull().age_s, site.calls) == (0, 2), "what is older than its ttl is not fresh"


def test_an_unchanged_that_a_machine_finds_after_it_slept_makes_nothing_fresh(tmp_path: Path) -> None:
    gate = threading.Event()
    tagged = {"ETag": '"v1"'}
    late = Answer(status=304, headers=tagged, gate=gate)
    with a_site(Answer(headers=tagged), late) as site, Rig(tmp_path, bars(site)) as rig:

        def sleep() -> None:
            wait_for(lambda: site.calls == 2)
            rig.advance(600)
            gate.set()

        rig.pull()
        rig.advance(61)
        asleep = threading.Thread(target=sleep)
        asleep.start()
        with pytest.raises(Unavailable, match="no answer within 5 s"):
            rig.pull()
        asleep.join()


def test_an_expired_pull_asks_whether_it_changed(tmp_path: Path) -> None:
    with a_site(Answer(headers={"ETag": '"v1"'}), Answer(status=304, headers={"ETag": '"v1"'})) as site:
        with Rig(tmp_path, bars(site)) as rig:
            rig.pull()
            rig.advance(61)
            again = rig.pull()
            fresh = rig.pull()
        assert site.requests[1][2]["if-none-match"] == '"v1"'
    assert (again.state, fresh.state, site.calls) == ("revalidated", "fresh", 2)
    assert rig.events(DATA_PULLED)[1]["revalidated"] is True


def test_a_304_about_something_else_is_no_answer(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(status=304)) as site, Rig(tmp_path, bars(site)) as rig:
        rig.pull()
        rig.advance(61)
        with pytest.raises(Unavailable, match="304"):
            rig.pull()


def test_the_same_bytes_again_are_not_checked_again(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        first = rig.pull()
        rig.advance(61)
        second = rig.pull()
    assert (second.state, second.path, site.calls) == ("pulled", first.path, 2)


def test_max_age_only_makes_data_younger(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        rig.pull()
        rig.advance(30)
        assert rig.pull(max_age_s=40).state == "fresh"
        assert rig.pull(max_age_s=20).state == "pulled"
        assert rig.pull(max_age_s=0).state == "pulled"
        rig.advance(61)
        assert rig.pull(max_age_s=3600).state == "pulled"
    assert site.calls == 4


def test_stale_data_is_served_at_once_and_refreshed_behind_the_answer(tmp_path: Path) -> None:
    gate = threading.Event()
    newer = CSV + b"2026-01-07,SPY,98.5\n"
    with (
        a_site(Answer(), Answer(body=newer, gate=gate)) as site,
        Rig(tmp_path, bars(site, 'stale_while_revalidate = "10m"')) as rig,
    ):
        rig.pull()
        rig.advance(90)
        stale = [rig.pull(), rig.pull()]
        gate.set()
        rig.settle()
        after = rig.pull()
    assert [given.state for given in stale] == ["stale", "stale"]
    assert (after.state, after.receipt.rows, site.calls) == ("fresh", 4, 2)
    assert rig.events(DATA_PULLED)[1]["why"] == "revalidate"


def test_a_refresh_ends_even_when_the_asker_closes_at_once(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(), Answer(gate=gate)) as site:
        toml = bars(site, 'stale_while_revalidate = "10m"')
        with Rig(tmp_path, toml) as rig:
            rig.pull()
            rig.advance(90)
            rig.pull()
            wait_for(lambda: site.calls == 2)
            gate.set()
    assert len(rig.events(DATA_PULLED)) == 2


def test_an_hour_of_500s_is_covered_by_policy_and_upstream_is_left_alone(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(status=500)) as site, Rig(tmp_path, bars(site, 'stale_if_error = "30m"')) as rig:
        rig.pull()
        rig.advance(61)
        states: list[str] = []
        for _ in range(1200):  # every 2 s for 40 minutes
            try:
                states.append(rig.pull().state)
            except Unavailable:
                states.append("unavailable")
            rig.advance(2)
        failed = rig.events(PULL_FAILED)
    assert set(states[:890]) == {"stale_on_error"}
    assert set(states[-290:]) == {"unavailable"}
    assert site.calls < 25, "asked every few minutes at last, not every time"
    assert failed[0]["served_stale"] is True
    assert failed[-1]["served_stale"] is False
    assert failed[0]["status"] == 500


def test_upstream_that_recovers_is_believed_again(tmp_path: Path) -> None:
    with (
        a_site(Answer(), Answer(status=503), Answer()) as site,
        Rig(tmp_path, bars(site, 'stale_if_error = "1h"')) as rig,
    ):
        rig.pull()
        rig.advance(61)
        assert rig.pull().state == "stale_on_error"
        rig.advance(2)
        assert rig.pull().state == "pulled"
        assert rig.puller.status()[0].problem == ""


def test_retry_after_is_kept_to_by_every_pull_of_that_host_even_when_forced(tmp_path: Path) -> None:
    with a_site(Answer(status=429, headers={"Retry-After": "120"}), Answer()) as site:
        other = bars(site).replace("pull.bars", "pull.other").replace("bars.csv", "other.csv")
        with Rig(tmp_path, bars(site) + other) as rig:
            for what, age in (("bars", None), ("bars", 0), ("other", None)):
                with pytest.raises(Unavailable):
                    rig.pull(what, max_age_s=age)
            assert site.calls == 1
            rig.advance(121)
            assert rig.pull("bars").state == "pulled"
            assert rig.pull("other").state == "pulled"


def test_a_passing_failure_is_tried_again_within_the_flight(tmp_path: Path) -> None:
    with a_site(Answer(status=502), Answer()) as site, Rig(tmp_path, bars(site, "retries = 2")) as rig:
        assert rig.pull().state == "pulled"
        assert rig.events(DATA_PULLED)[0]["upstream_calls"] == 2


def test_a_404_is_not_tried_again(tmp_path: Path) -> None:
    with (
        a_site(Answer(status=404)) as site,
        Rig(tmp_path, bars(site, "retries = 3")) as rig,
        pytest.raises(Unavailable, match="answered 404") as caught,
    ):
        rig.pull()
    assert site.calls == 1
    assert "url" in caught.value.fix


def test_a_schema_that_changes_overnight_is_refused_naming_the_columns(tmp_path: Path) -> None:
    changed = b"day,ticker,close\n2026-01-02,SPY,planted-secret\n"
    with a_site(Answer(), Answer(body=changed)) as site, Rig(tmp_path, bars(site)) as rig:
        rig.pull()
        rig.advance(61)
        with pytest.raises(Rejected, match="columns missing: symbol; found: 'day', 'ticker', 'close'"):
            rig.pull()
        refused = rig.events(DATA_REFUSED)[0]
        kept = rig.state / "quarantine" / refused["quarantined"]
        assert kept.read_bytes() == changed
        assert kept.stat().st_mode & 0o777 == 0o600
        assert "planted" not in rig.told()


def test_older_data_stands_in_for_refused_data_only_if_policy_says_so(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(body=b"nonsense")) as site, Rig(tmp_path, bars(site, 'stale_if_error = "1h"')) as rig:
        rig.pull()
        rig.advance(61)
        given = rig.pull()
        assert "columns missing" in rig.puller.status()[0].problem
    assert (given.state, given.receipt.rows) == ("stale_on_error", 3)


def _short(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + CSV)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(10_000):
        handler.wfile.write(b"a,b,c\n" * 1000)


def _garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\x01 not http at all\r\n\r\n")


LIES = {
    "html": (Answer(body=b"<!DOCTYPE html><html>Please log in</html>"), Rejected, "HTML"),
    "empty": (Answer(body=b""), Rejected, "empty"),
    "charset": (Answer(body=CSV.replace(b"SPY", b"SP\xff")), Rejected, "not utf-8"),
    "nan": (Answer(body=CSV.replace(b"99.0", b"NaN")), Rejected, "NaN or infinite in row 3"),
    "infinite": (Answer(body=CSV.replace(b"99.0", b"1e999")), Rejected, "infinite in row 3"),
    "back in time": (Answer(body=CSV + b"2026-01-01,SPY,1\n"), Rejected, "not after the row above it in row 4"),
    "twice": (Answer(body=CSV + b"2026-01-06,SPY,99.0\n"), Rejected, "not after the row above it in row 4"),
    "negative": (Answer(body=CSV.replace(b"99.0", b"-1")), Rejected, "below min = 0 in row 3: -1.0"),
    "words": (Answer(body=CSV.replace(b"99.0", b"n/a")), Rejected, "not readable as float in row 3"),
    "short": (Answer(raw=_short), Unavailable, "no whole answer"),
    "endless": (Answer(raw=_endless), Unavailable, "max_bytes"),
    "no http": (Answer(raw=_garbage), Unavailable, "no whole answer"),
    "bomb": (gzipped(b"0" * 50_000_000), Unavailable, "max_bytes"),
    "cut gzip": (Answer(body=gzipped(CSV).body[:-12], headers={"Content-Encoding": "gzip"}), Unavailable, "cut short"),
    "broken gzip": (Answer(body=b"\x1f\x8bxxxx", headers={"Content-Encoding": "gzip"}), Unavailable, "damaged"),
    "brotli": (Answer(headers={"Content-Encoding": "br"}), Unavailable, "not asked for"),
    "away": (Answer(status=302, headers={"Location": "https://elsewhere.example/x"}), Unavailable, "another host"),
    "file": (Answer(status=302, headers={"Location": "file:///etc/passwd"}), Unavailable, "another host"),
    "round": (Answer(status=302, headers={"Location": "/bars.csv"}), Unavailable, "more than 4 redirects"),
}


@pytest.mark.parametrize("lie", LIES)
def test_nothing_false_is_ever_served(tmp_path: Path, lie: str) -> None:
    answer, family, words = LIES[lie]
    with a_site(answer) as site, Rig(tmp_path, bars(site, 'max_bytes = "1MB"')) as rig:
        with pytest.raises(family, match=words) as caught:
            rig.pull()
        assert isinstance(caught.value, SteersmanError)
        assert caught.value.fix
        assert not rig.events(DATA_PULLED)
        assert not list(rig.puller._frames.folder.glob(".tmp-*"))


def test_a_body_that_drips_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    stop, drops = threading.Event(), []

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while not stop.wait(0.02):
            handler.wfile.write(b"x")
            drops.append(1)

    with a_site(Answer(raw=drip)) as site, Rig(tmp_path, bars(site, 'timeout = "300ms"'), clock=SystemClock()) as rig:
        with pytest.raises(Unavailable, match="not all came within"):
            rig.pull()
        stop.set()
    assert len(drops) < 1000


def test_a_provider_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site)
    with Rig(tmp_path, toml) as rig, pytest.raises(Unavailable, match="no connection"):
        rig.pull()


def test_pulling_never_loads_polars_into_the_process_that_asks(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.builders_pulls import Rig
rig = Rig(Path(sys.argv[1]), (Path(sys.argv[1]) / "steersman.toml").read_text())
assert "httpx2" not in sys.modules and "hishel" not in sys.modules, "not before a pull is made"
print(rig.pull().state, "polars" in sys.modules)
rig.puller.close()
"""
    with a_site() as site:
        (tmp_path / "steersman.toml").write_text(bars(site), encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "pulled False\n", done.stderr


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    with a_site(Answer(status=307, headers={"Location": "/v2/bars.csv"}), Answer()) as site:
        with Rig(tmp_path, bars(site)) as rig:
            assert rig.pull().state == "pulled"
        assert site.requests[1][1] == "/v2/bars.csv"


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    with a_site(gzipped(CSV)) as site, Rig(tmp_path, bars(site)) as rig:
        assert rig.pull().receipt.rows == 3
        assert rig.events(DATA_PULLED)[0]["upstream_bytes"] == len(gzipped(CSV).body)


def test_a_refused_login_is_renewed_once_and_stands_nowhere(tmp_path: Path) -> None:
    with (
        a_site(Answer(status=401), Answer(), Answer(status=401)) as site,
        Rig(tmp_path, bars(site, 'provider = "vendor"')) as rig,
    ):
        assert rig.pull().state == "pulled"
        assert rig.logins.asked == [("vendor", ""), ("vendor", "lease-1")]
        assert [r[2]["authorization"] for r in site.requests] == [
            "Bearer planted-secret-1",
            "Bearer planted-secret-2",
        ]
        rig.advance(61)
        with pytest.raises(Unavailable, match="answered 401"):
            rig.pull()
        assert site.calls == 4
        assert "planted-secret" not in rig.told()


def test_a_login_that_needs_a_person_is_said_as_it_stands(tmp_path: Path) -> None:
    logins = Logins()
    logins.error = Rejected("vendor: a person must log in", fix="steersman auth login vendor")
    with a_site() as site, Rig(tmp_path, bars(site, 'provider = "vendor"'), logins=logins) as rig:
        with pytest.raises(Rejected, match="must log in") as caught:
            rig.pull()
        assert "auth login" in caught.value.fix
        assert site.calls == 0
        logins.error = None
        assert rig.pull().state == "pulled"


def test_an_address_is_asked_only_if_its_host_is_named(tmp_path: Path) -> None:
    body = b'{"any": "thing"}'
    with a_site(Answer(body=body, headers={"Cache-Control": "max-age=10"})) as site:
        with Rig(tmp_path, "") as closed, pytest.raises(Misconfigured, match="without a declaration"):
            closed.pull(f"{site.url}/x.json")
        with Rig(tmp_path, '[cache]\nad_hoc = ["127.0.0.1"]') as rig:
            first = rig.pull(f"{site.url}/x.json?token=planted-secret", params={"b": "1 2"})
            assert Path(first.path).read_bytes() == body
            rig.advance(9)
            assert rig.pull(f"{site.url}/x.json?token=planted-secret", params={"b": "1 2"}).state == "fresh"
            rig.advance(2)
            assert rig.pull(f"{site.url}/x.json?token=planted-secret", params={"b": "1 2"}).state == "pulled"
            assert "planted" not in rig.told()
            with pytest.raises(Misconfigured, match="carries a login"):
                rig.pull("https://user:pw@example.com/")
            with pytest.raises(Misconfigured, match="allowed: https"):
                rig.pull("http://example.com/")
        assert site.requests[0][1] == "/x.json?token=planted-secret&b=1%202"
    assert (first.frame, rig.puller.status()[-1].pull) == ("bytes", "ad hoc")


def test_http_rules_of_the_answer_win_when_asked_to(tmp_path: Path) -> None:
    answers = [Answer(headers={"Cache-Control": c}) for c in ("max-age=300", "no-cache", "no-store", "max-age=300")]
    with a_site(*answers) as site, Rig(tmp_path, bars(site, 'http_cache = true\nstale_if_error = "1h"')) as rig:
        rig.pull()
        rig.advance(200)
        assert rig.pull().state == "fresh"
        rig.advance(101)
        assert rig.pull().state == "pulled"
        assert rig.pull().state == "pulled"
        assert rig.pull().state == "pulled"
        assert rig.pull().state == "fresh"


def test_a_question_by_post_is_asked_with_its_values_in_place(tmp_path: Path) -> None:
    more = 'method = "POST"\nidempotent = true\nbody = \'{"q": "{q}"}\'\nparams = { q = "x" }'
    with a_site() as site, Rig(tmp_path, bars(site, more)) as rig:
        rig.pull(params={"q": 'a"b'})
        assert site.requests[0][0] == "POST"
        assert site.requests[0][3] == b'{"q": "a\\"b"}'


def test_reads_are_counted_together_and_none_is_lost(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site, 'ttl = "1h"')) as rig:
        for _ in range(100):
            rig.pull(who="script:a")
        rig.pull(who="script:b")
        status = rig.puller.status()[0]
    served = rig.events(DATA_SERVED)
    assert sum(e["count"] for e in served) == 100
    assert sum(e["count"] for e in served if e["who"] == "script:a") == 99
    assert len(served) == 3
    assert (status.served, status.upstream_calls, status.keys) == (100, 1, 1)
