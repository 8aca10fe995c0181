"""Many processes, one copy: single flight, shared rates, and files that are not what was written."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_pulls import CSV, Answer, Asker, Rig, a_site, askers, bars

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Unavailable
from steersman.services.events import CACHE_QUARANTINED, DATA_PULLED, DATA_SERVED, PULL_FAILED


def _told(results: list[dict[str, object]], kind: str) -> list[dict[str, object]]:
    return [data for r in results for name, data in r["events"] if name == kind]  # type: ignore[attr-defined]


def _together(site_gate: threading.Event, processes: list[Asker], queued: Path) -> list[dict[str, object]]:
    """Let all ask, and the provider answer only when all but one have queued up."""
    for process in processes:
        process.go()
    wait_for(lambda: sum(p.stat().st_size for p in queued.glob("*.queue")) == len(processes) - 1)
    site_gate.set()
    return [process.result() for process in processes]


def test_eight_processes_on_a_cold_key_make_exactly_one_call(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate)) as site, askers(tmp_path, bars(site), 8) as processes:
        results = _together(gate, processes, tmp_path / ".steersman/services/pulls/keys")
        assert site.calls == 1
    assert [r["state"] for r in results].count("pulled") == 1
    assert [r["state"] for r in results].count("fresh") == 7
    assert len({(r["hash"], r["path"], r["bytes"]) for r in results}) == 1
    (pulled,) = _told(results, DATA_PULLED)
    assert (pulled["upstream_calls"], pulled["waited"]) == (1, 7)
    assert sum(e["count"] for e in _told(results, DATA_SERVED)) == 7  # type: ignore[misc]


def test_eight_processes_share_one_failure(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(status=404, gate=gate)) as site, askers(tmp_path, bars(site), 8) as processes:
        results = _together(gate, processes, tmp_path / ".steersman/services/pulls/keys")
        assert site.calls == 1
    assert {r["error"] for r in results} == {"Unavailable"}
    assert len(_told(results, PULL_FAILED)) == 1


def test_a_process_that_dies_in_flight_leaves_it_to_the_next(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate), Answer()) as site, askers(tmp_path, bars(site), 2) as (first, second):
        first.go()
        wait_for(lambda: site.calls == 1)
        second.go()
        wait_for(lambda: bool(list((tmp_path / ".steersman/services/pulls/keys").glob("*.queue"))))
        first.process.kill()
        result = second.result()
        gate.set()
    assert (result["state"], site.calls) == ("pulled", 2)
    assert result["bytes"] > 0


def test_many_threads_are_one_flight_too(tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate)) as site, Rig(tmp_path, bars(site)) as rig:
        states: list[str] = []
        threads = [threading.Thread(target=lambda: states.append(rig.pull().state)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: sum(p.stat().st_size for p in rig.state.rglob("*.queue")) == 7)
        gate.set()
        for thread in threads:
            thread.join()
        assert (site.calls, sorted(states)) == (1, ["fresh"] * 7 + ["pulled"])


def test_who_wants_it_new_in_any_case_is_not_given_an_older_flight(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        for _ in range(3):
            rig.pull(max_age_s=0)
            rig.advance(0.001)
        assert site.calls == 3
        assert rig.events(DATA_PULLED)[-1]["why"] == "forced"


def test_only_one_refresh_goes_on_behind_over_several_pullers(tmp_path: Path) -> None:
    gate, clock = threading.Event(), FakeClock()
    with a_site(Answer(), Answer(gate=gate)) as site:
        toml = bars(site, 'stale_while_revalidate = "10m"')
        with Rig(tmp_path, toml, clock=clock) as one, Rig(tmp_path, toml, clock=clock) as two:
            one.pull()
            clock.advance(90)
            assert [one.pull().state, two.pull().state, one.pull().state] == ["stale"] * 3
            gate.set()
            one.settle()
            two.settle()
            assert site.calls == 2


def test_a_rate_is_shared_by_all_pulls_and_processes(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site, 'params = { page = 0 }\ntimeout = "1s"') + '[cache.rates]\n"127.0.0.1" = "3/min"\n'
        clock = FakeClock()
        with Rig(tmp_path, toml, clock=clock) as one, Rig(tmp_path, toml, clock=clock) as two:
            for page, rig in enumerate((one, two, one)):
                rig.pull(params={"page": str(page)})
            with pytest.raises(Unavailable, match="its turn comes in 60 s"):
                two.pull(params={"page": "4"})
            assert site.calls == 3
            clock.advance(61)
            assert two.pull(params={"page": "4"}).state == "pulled"


def test_a_call_waits_for_its_turn_if_that_is_soon(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site, 'params = { page = 0 }\nrate = "1/s"')
        with Rig(tmp_path, toml, clock=SystemClock()) as rig:
            clock = SystemClock()
            began = clock.elapsed_ns()
            rig.pull(params={"page": "1"})
            rig.pull(params={"page": "2"})
            assert clock.elapsed_ns() - began > 900_000_000


@pytest.mark.parametrize("harm", ["truncated", "changed", "changed with its times put back"])
def test_a_file_that_was_altered_is_quarantined_and_pulled_again(tmp_path: Path, harm: str) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        path = Path(rig.pull().path)
        whole, before = path.read_bytes(), path.stat()
        path.chmod(0o600)
        path.write_bytes(whole[:-20] if harm == "truncated" else whole.replace(b"SPY", b"SPX"))
        if "back" in harm:
            path.chmod(0o400)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        again = rig.pull()
        assert (again.state, Path(again.path).read_bytes(), site.calls) == ("pulled", whole, 2)
        (event,) = rig.events(CACHE_QUARANTINED)
        assert (rig.state / "quarantine" / event["quarantined"]).stat().st_mode & 0o777 == 0o600


def test_a_file_that_only_looks_different_is_hashed_and_served(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        path = Path(rig.pull().path)
        path.touch()
        assert rig.pull().state == "fresh"
        assert (site.calls, rig.events(CACHE_QUARANTINED)) == (1, [])


def test_a_reboot_that_empties_memory_costs_one_call_without_conditions(tmp_path: Path) -> None:
    with a_site(Answer(headers={"ETag": '"1"'})) as site, Rig(tmp_path, bars(site)) as rig:
        Path(rig.pull().path).unlink()
        assert rig.pull().state == "pulled"
        assert "if-none-match" not in site.requests[1][2]


def test_a_record_that_is_cut_short_is_as_good_as_none(tmp_path: Path) -> None:
    with a_site() as site, Rig(tmp_path, bars(site)) as rig:
        rig.pull()
        (record,) = (rig.state / "pulls" / "keys").glob("*.json")
        record.write_bytes(record.read_bytes()[:100])
        assert rig.pull().state == "pulled"
        assert site.calls == 2


def test_the_least_used_goes_when_the_budget_is_full_and_open_files_stay_readable(tmp_path: Path) -> None:
    with a_site(Answer(body=CSV * 1)) as site:
        toml = bars(site, 'params = { page = 0 }\nttl = "1h"') + '[cache]\nbudget = "3KB"\n'
        with Rig(tmp_path, toml) as rig:
            first = rig.pull(params={"page": "0"})
            size = first.receipt.size_bytes
            held = Path(first.path).open("rb")  # noqa: SIM115 - stays open while the file is evicted
            rig.advance(40)
            for page in range(1, 6):
                rig.advance(40)
                rig.pull(params={"page": str(page)})
            in_memory = list((tmp_path / "memory").rglob("*.arrow"))
            assert sum(p.stat().st_size for p in in_memory) <= 3000
            assert not Path(first.path).exists()
            assert len(held.read()) == size
            held.close()
            assert rig.pull(params={"page": "0"}).state == "pulled"


def test_what_was_just_handed_out_is_not_evicted_and_the_rest_goes_to_disk(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site, "params = { page = 0 }") + '[cache]\nbudget = "3KB"\n'
        with Rig(tmp_path, toml) as rig:
            paths = [Path(rig.pull(params={"page": str(page)}).path) for page in range(5)]
            assert all(path.exists() for path in paths)
            assert any(path.is_relative_to(rig.state / "frames") for path in paths)
            assert any(path.is_relative_to(tmp_path / "memory") for path in paths)


def test_without_memory_data_lies_on_disk_and_the_status_says_so(tmp_path: Path) -> None:
    elsewhere = tmp_path / "memory"
    elsewhere.mkdir()
    with a_site() as site:
        with Rig(tmp_path, bars(site)) as rig:
            folder = rig.puller._frames.folder
        folder.chmod(0o755)  # as if somebody else had made it
        with Rig(tmp_path, bars(site)) as rig:
            assert Path(rig.pull().path).is_relative_to(rig.state / "frames")
            assert "not a folder of our own" in rig.puller.status()[0].problem


def test_memory_of_a_workspace_that_is_gone_is_given_back(tmp_path: Path) -> None:
    memory = tmp_path / "shared"
    with a_site() as site:
        for name in ("one", "two", "three"):
            (tmp_path / name).mkdir()
        with Rig(tmp_path / "one", bars(site), memory=memory) as rig:
            gone = Path(rig.pull().path)
        with Rig(tmp_path / "two", bars(site), memory=memory) as rig:
            kept = Path(rig.pull().path)
        shutil.rmtree(tmp_path / "one")
        with Rig(tmp_path / "three", bars(site), memory=memory):
            assert not gone.parent.exists()
            assert kept.exists()


def test_data_is_served_while_the_ledger_takes_nothing_and_told_later(tmp_path: Path) -> None:
    from steersman.ledger.adapters.memory import create

    ledger = create()
    take = ledger.append_soon

    def refuse(*_: object, **__: object) -> object:
        raise Unavailable("no core", fix="start it")

    ledger.append_soon = refuse  # type: ignore[method-assign, assignment]  # a core that is down
    with a_site() as site, Rig(tmp_path, bars(site), ledger=ledger) as rig:
        rig.pull()
        rig.pull()
        assert "2 events wait for the ledger" in rig.puller.status()[0].problem
        ledger.append_soon = take  # type: ignore[method-assign]
        rig.pull(who="script:late")
        assert [e.type for e in ledger.read()] == [DATA_PULLED, DATA_SERVED, DATA_SERVED]
