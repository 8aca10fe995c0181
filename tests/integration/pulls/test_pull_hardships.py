"""What may befall pulls at night: full disks, clocks set back, headers that lie, scripts that leave odd things."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.builders_automation import a_script, wait_for
from tests.builders_pulls import CSV, Answer, Rig, a_site, bars

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.services.events import DATA_PULLED, DATA_SERVED, PULL_FAILED
from steersman.services.pulls.checking import check_apart
from steersman.services.pulls.model import Schema

YEARS_NS = 10 * 365 * 86_400 * 10**9
NOBODY = 2**22 + 1
"""More than any process id."""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=503, headers={"Retry-After": "²"}), "answered 503"),
        (Answer(status=302, headers={"Location": "//["}), "redirects to another host"),
    ],
)
def test_headers_that_no_server_sends_are_a_failure_like_any_other(tmp_path: Path, answer: Answer, words: str) -> None:
    with a_site(answer) as site, Rig(tmp_path, bars(site)) as rig:
        for _ in range(3):
            with pytest.raises(Unavailable, match=words):
                rig.pull()
        assert site.calls == 1, "the others were told what the first one met"
        assert len(rig.events(PULL_FAILED)) == 1


@pytest.mark.parametrize("headers", [{"Age": "²"}, {"Age": "9" * 400}, {"Date": "Mon, 01 Jan 0001 00:00:00 -0000"}])
def test_an_age_that_cannot_be_is_no_reason_to_lose_the_data(tmp_path: Path, headers: dict[str, str]) -> None:
    said = {"ETag": '"1"', "Cache-Control": "max-age=60", **headers}
    with a_site(Answer(headers=said)) as site, Rig(tmp_path, bars(site, "http_cache = true")) as rig:
        given = rig.pull()
        assert given.receipt.rows == 3
        assert rig.puller._records.load(given.key) is not None


def test_a_parameter_that_fits_into_no_header_is_said_without_being_quoted(tmp_path: Path) -> None:
    more = 'params = { who = "x" }\nheaders = { X-Who = "{who}" }'
    with a_site() as site, Rig(tmp_path, bars(site, more)) as rig:
        with pytest.raises(Unavailable, match="a header has characters that no header has") as told:
            rig.pull(params={"who": "jos\u00e9"})
        assert site.calls == 0
    assert "jos" not in str(told.value) + rig.told()


def test_what_must_be_new_is_asked_for_although_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = FakeClock()
    with a_site() as site, Rig(tmp_path, bars(site), clock=clock) as rig:
        rig.pull()
        clock.set(clock.now_ns() - 3600 * 10**9)
        assert rig.pull(max_age_s=0).state == "pulled"
        assert site.calls == 2


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
def test_a_pause_from_a_clock_that_ran_ahead_does_not_last_for_years(tmp_path: Path, headers: dict[str, str]) -> None:
    clock = FakeClock()
    with a_site(Answer(status=503, headers=headers), Answer()) as site, Rig(tmp_path, bars(site), clock=clock) as rig:
        clock.set(clock.now_ns() + YEARS_NS)
        with pytest.raises(Unavailable):
            rig.pull()
        clock.set(clock.now_ns() - YEARS_NS)
        assert rig.pull().state == "pulled"


def test_a_disk_that_takes_nothing_is_noticed_before_anybody_is_asked(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site, 'stale_if_error = "1m"')) as rig:
        key = rig.pull().key
        blocked = rig.state / "pulls" / "keys" / f"{key}.tmp"
        blocked.mkdir()  # whoever runs the tests may write to any folder, but not over one
        rig.advance(90)
        assert rig.pull().state == "stale_on_error"
        rig.advance(60)
        with pytest.raises(Unavailable, match="what comes could not be remembered: Is a directory"):
            rig.pull()
        assert site.calls == 1
        blocked.rmdir()
        assert rig.pull().state == "pulled"


def test_a_lock_that_cannot_be_made_is_an_error_with_a_name(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        (rig.state / "pulls").mkdir(parents=True)
        (rig.state / "pulls" / "locks").touch()
        with pytest.raises(Unavailable, match=r"pulls/locks.*cannot be used") as told:
            rig.pull()
    assert "free disk space" in told.value.fix


def test_data_that_could_not_be_checked_for_want_of_room_is_not_called_wrong(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(CSV)
    with pytest.raises(Unavailable, match="could not be checked: No such file"):
        check_apart(body, tmp_path / "no" / "room", Schema(format="csv"))


def test_what_is_large_is_made_on_disk_where_memory_is_small(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        frames = rig.puller._frames
        assert frames.temporary(room=1).parent == tmp_path / "memory" / frames.folder.name
        assert frames.temporary(room=2**60).parent == rig.state / "frames"


def test_memory_says_whose_it_is_even_if_its_maker_was_killed_before(tmp_path: Path) -> None:
    with a_site() as site:
        with Rig(tmp_path, bars(site)) as rig:
            owner = rig.puller._frames.folder / ".workspace"
        owner.unlink()
        with Rig(tmp_path, bars(site)):
            assert owner.read_text(encoding="utf-8") == str(rig.state)


@pytest.mark.parametrize(
    "body", ["mkdir $STEERSMAN_OUT; echo 1 > $STEERSMAN_OUT/part", "ln -s $PWD/own $STEERSMAN_OUT"]
)
def test_only_a_file_of_its_own_is_taken_from_a_script(tmp_path: Path, body: str) -> None:
    own = tmp_path / "own"
    own.write_bytes(b"mine")
    own.chmod(0o644)
    run = a_script(tmp_path, "make.sh", f"{body}\n")
    toml = f'[pull.made]\ncommand = "{run}"\nretries = 0\nformat = "bytes"\n'
    with Rig(tmp_path, toml) as rig:
        with pytest.raises(Unavailable, match="STEERSMAN_OUT is a link or a folder"):
            rig.pull("made")
        assert [p.name for p in rig.puller._frames.folder.iterdir()] == [".workspace"]
    assert (own.read_bytes(), own.stat().st_mode & 0o777) == (b"mine", 0o644)


def test_what_a_killed_process_left_in_the_way_is_cleared(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        left = rig.puller._frames.folder / f".tmp-{NOBODY}-0.out"
        (left / "part").mkdir(parents=True)
        assert rig.pull().state == "pulled"
        assert not left.exists()


def test_what_hinders_a_refresh_behind_the_answer_is_recorded_and_pauses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = 'stale_while_revalidate = "10m"\nheaders = { X-Key = "env:PULL_KEY" }'
    monkeypatch.setenv("PULL_KEY", "k")
    with a_site() as site, Rig(tmp_path, bars(site, more)) as rig:
        rig.pull()
        monkeypatch.delenv("PULL_KEY")
        rig.advance(90)
        for _ in range(3):
            assert rig.pull().state == "stale"
            rig.settle()
        assert "PULL_KEY is not set" in rig.puller.status()[0].problem
        assert len(rig.events(PULL_FAILED)) == 1
        with pytest.raises(Misconfigured, match="PULL_KEY is not set"):
            rig.pull(max_age_s=0)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "600"}])
def test_upstream_that_fails_behind_the_answers_is_left_alone_too(tmp_path: Path, headers: dict[str, str]) -> None:
    down = Answer(status=503, headers=headers)
    with a_site(Answer(), down) as site, Rig(tmp_path, bars(site, 'stale_while_revalidate = "1h"')) as rig:
        rig.pull()
        rig.advance(90)
        for _ in range(200):
            assert rig.pull().state == "stale"
            rig.settle()
            rig.advance(2)
    assert site.calls <= (2 if headers else 15)


def test_reads_are_told_before_anybody_waits_for_a_refresh(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(), Answer(gate=gate)) as site, Rig(tmp_path, bars(site, 'stale_while_revalidate = "1h"')) as rig:
        rig.pull()
        rig.advance(90)
        for _ in range(5):
            rig.pull()
        closing = threading.Thread(target=rig.puller.close)
        closing.start()
        wait_for(lambda: sum(e["count"] for e in rig.events(DATA_SERVED)) == 5)
        assert len(rig.events(DATA_PULLED)) == 1
        gate.set()
        closing.join(20)
        assert len(rig.events(DATA_PULLED)) == 2


def test_a_desk_that_runs_for_months_lets_go_of_what_nobody_asks_for(tmp_path: Path) -> None:
    clock = FakeClock(SystemClock().now_ns())
    more = 'params = { symbol = "SPY" }'
    with a_site() as site, Rig(tmp_path, bars(site, more), clock=clock) as rig:
        given = [rig.pull(params={"symbol": f"S{number}"}) for number in range(4)]
        Path(given[0].path).unlink()  # as when memory was needed for something else
        files = {each.key: rig.state / "pulls" / "keys" / f"{each.key}.json" for each in given}
        locks = rig.state / "pulls" / "locks"

        def later(days: int) -> list[bool]:
            """Pull something that many days later; return which of the first keys are remembered then."""
            clock.advance(days * 86_400)
            rig.pull(params={"symbol": f"later{days}"})
            return [file.exists() for file in files.values()]

        assert later(1) == [True] * 4
        assert later(2) == [False, True, True, True]
        with rig.puller._locks.take(given[1].key) or pytest.fail("nobody holds it"):
            assert later(60) == [False, True, False, False], "what somebody holds stays"
        assert not (locks / f"{given[0].key}.lock").exists()
