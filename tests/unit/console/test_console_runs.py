"""The page of an automation, and what a run left: shown, followed while it grows, saved, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_automation import a_script
from tests.builders_console import Served, a_desk, served

from steersman.automation.events import (
    PAUSED,
    RESUMED,
    RUN_FINISHED,
    RUN_STARTED,
    Paused,
    Resumed,
    RunFinished,
    RunStarted,
)
from steersman.automation.queries import recent_runs
from steersman.automation.schedule_words import spoken
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.console.run_files import opened, tail
from steersman.console.run_history import timeline
from steersman.ledger import new_event

TOML = """
[desk]
name = "Test desk"
tz = "UTC"
[automation.prices]
run = "automations/prices.sh"
schedule = "*/15 9-16 * * mon-fri"
params = { days = 5 }
[automation.broken]
run = "sh -c 'exit 3'"
needs = ["prices"]
[automation.report]
run = "true"
needs = ["broken"]
[automation.never]
run = "true"
"""
SCRIPT = r"""
mkdir -p "$STEERSMAN_ARTIFACTS/größe"
echo '<script>alert(1)</script>' > "$STEERSMAN_ARTIFACTS/page.html"
printf '\001\002' > "$STEERSMAN_ARTIFACTS/größe/a b.bin"
printf 'Grüße \033[31m\n'
echo '::result {"rows": 3, "what": "<b>bars</b>", "many": [1, 2]}'
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a desk on which one of three succeeded, one failed and one was skipped."""
    root = tmp_path_factory.mktemp("runs") / "desk"
    a_script(root, "prices.sh", SCRIPT)
    desk = a_desk(root, text=TOML)
    engine = open_engine(desk, kind="memory", actor="person:cli")
    try:
        engine.start(manifest_of(desk.workspace), schedules=False)
        engine.run_now("report", anyway=True)
    finally:
        engine.close()
    with served(desk) as found:
        yield found


def ask(here: Served, path: str) -> tuple[int, dict[str, str], str]:
    return here.ask("GET", path, cookie=here.cookie())


def run_id(here: Served, automation: str = "prices") -> str:
    here.desk.refresh()
    return next(run.run_id for run in recent_runs(here.desk.db) if run.automation == automation)


def test_an_automation_has_a_page_with_what_is_declared_how_it_went_and_what_it_made(here: Served) -> None:
    status, _, text = ask(here, "/automations/prices")
    assert status == 200
    for part in (
        "every 15th minute from 09:00 through 16:59 on Monday through Friday, UTC",
        "100<small>%</small>",
        "days = 5",
        'needed by</dt><dd><a href="/automations/broken">',
        "&lt;b&gt;bars&lt;/b&gt;",
        "[1,2]",
        "page.html",
        "duration of 1 runs: latest",
        '<svg class="lane"',
    ):
        assert part in text, part


@pytest.mark.parametrize("name", ["never", "report"])
def test_an_automation_that_never_ran_says_what_would_start_it(here: Served, name: str) -> None:
    status, _, text = ask(here, f"/automations/{name}")
    assert status == 200
    assert ("starts by hand" if name == "never" else "starts after broken") in text
    assert f"steersman auto run {name}" in text


@pytest.mark.parametrize("name", ["nothing", "..%2f..", "%3Cscript%3E", "prices%00"])
def test_what_is_not_declared_has_no_page(here: Served, name: str) -> None:
    status, _, text = ask(here, f"/automations/{name}")
    assert status == 404
    assert "<script>" not in text


def test_a_run_names_what_it_needed_and_what_it_led_to(here: Served) -> None:
    _, _, text = ask(here, f"/runs/{run_id(here, 'broken')}")
    needed, led = text.partition('data-fragment="needed"')[2], text.partition('data-fragment="led-to"')[2]
    assert f'href="/runs/{run_id(here)}"' in needed.partition("</section>")[0]
    assert "report" in led.partition("</section>")[0]
    assert "broken" in led.partition("</section>")[0], "why it was skipped"


def test_an_artifact_is_saved_and_never_shown(here: Served) -> None:
    status, headers, text = ask(here, f"/runs/{run_id(here)}/artifacts/page.html")
    assert (status, text) == (200, "<script>alert(1)</script>\n")
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''page.html"
    assert headers["content-length"] == str(len(text))
    assert headers["x-content-type-options"] == "nosniff"
    status, headers, text = ask(here, f"/runs/{run_id(here)}/artifacts/gr%C3%B6%C3%9Fe/a%20b.bin")
    assert (status, text) == (200, "\x01\x02")
    assert headers["content-disposition"].endswith("a%20b.bin")


@pytest.mark.parametrize(
    "name",
    ["../attempt-1.log", "..%2Fattempt-1.log", "%2Fetc%2Fpasswd", "page.html%00", "", "gr%C3%B6%C3%9Fe", "./page.html"],
)
def test_nothing_but_what_the_run_left_can_be_had(here: Served, name: str) -> None:
    status, _, text = ask(here, f"/runs/{run_id(here)}/artifacts/{name}")
    assert status in (404, 405), text[:200]
    assert "root:" not in text
    assert "Grüße" not in text


def test_a_file_that_became_a_link_or_a_pipe_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    folder = tmp_path / "runs" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "key")
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    for path in (
        "runs/artifacts/link",
        "elsewhere/key",
        "runs/artifacts/pipe",
        "runs/artifacts",
        "/etc/passwd",
        "",
        "a/../key",
    ):
        assert opened(tmp_path, path) is None, path
    fd = opened(tmp_path, "key")
    assert fd is not None
    os.close(fd)


def test_a_name_that_is_no_text_leads_to_its_file_all_the_same(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "artifacts")
    os.mkdir(folder)  # noqa: PTH102 - a path of bytes
    with open(folder + b"/caf\xe9.csv", "wb") as file:  # noqa: PTH123 - as above
        file.write(b"1")
    fd = opened(tmp_path, r"artifacts/caf\xe9.csv")
    assert fd is not None
    assert os.read(fd, 9) == b"1"
    os.close(fd)
    assert opened(tmp_path, r"artifacts/caf\xea.csv") is None


def test_the_log_is_saved_as_it_is_and_shown_as_text(here: Served) -> None:
    status, headers, text = ask(here, f"/runs/{run_id(here)}/log")
    assert status == 200
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-disposition"].startswith("attachment;")
    assert "\x1b[31m" in text
    piece = json.loads(ask(here, f"/runs/{run_id(here)}/tail")[2])
    assert "\x1b" not in piece["text"]
    assert "Grüße" in piece["text"]
    assert piece["over"] is True
    assert json.loads(ask(here, f"/runs/{run_id(here)}/tail?after={piece['after']}")[2])["text"] == ""


@pytest.mark.parametrize("path", ["/runs/nothing/tail", "/runs/nothing/log", "/runs/nothing/artifacts/x"])
def test_of_a_run_that_is_not_there_nothing_can_be_had(here: Served, path: str) -> None:
    assert ask(here, path)[0] == 404


def test_another_attempt_than_there_is_has_no_log(here: Served) -> None:
    assert ask(here, f"/runs/{run_id(here)}/tail?attempt=9")[0] == 404
    assert ask(here, f"/runs/{run_id(here)}/tail?attempt=x")[0] == 422


def test_a_log_that_was_cleared_away_says_so(here: Served) -> None:
    now = here.desk.clock.now_ns()
    log = ".steersman/runs/never/never-1/attempt-1.log"
    began = RunStarted(
        run_id="never-1", automation="never", cause="manual", attempt=1, pid=1, boot_id="b", scheduled_at=None,
        lateness_s=None, command="true", log=log, at=now,
    )  # fmt: skip
    ended = RunFinished(
        run_id="never-1", automation="never", status="succeeded", attempt=1, exit_code=0, wall_s=1.0, cpu_s=0.1,
        peak_rss_bytes=1, log=log, log_bytes=0, log_truncated_bytes=0, artifacts=(f"{log[:-13]}artifacts/gone.csv",),
        result=None, error="", will_retry=False, at=now,
    )  # fmt: skip
    here.desk.ledger.append(
        [
            new_event(kind, stream="run/never-1", data=data, actor="desk", now_ns=now)
            for kind, data in ((RUN_STARTED, began), (RUN_FINISHED, ended))
        ]
    )
    status, _, text = ask(here, "/runs/never-1/log")
    assert status == 404
    assert "keep_runs" in text
    assert ask(here, "/runs/never-1/artifacts/gone.csv")[0] == 404
    assert "gone.csv" in ask(here, "/runs/never-1")[2]


@settings(max_examples=25)
@given(text=st.text(max_size=20), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_a_log_that_grows_at_any_byte_is_the_same_text_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, text: str, cuts: list[int]
) -> None:
    root, raw = tmp_path_factory.getbasetemp(), text.encode("utf-8", "replace")
    shown, after = "", 0
    for cut in [*sorted(cuts), len(raw)]:
        (root / "grows.log").write_bytes(raw[:cut])
        piece = tail(root, "grows.log", after, over=False)
        shown, after = shown + piece.text, piece.after
    end = tail(root, "grows.log", after, over=True)
    assert shown + end.text == tail(root, "grows.log", 0, over=True).text
    assert end.after == len(raw)


@pytest.mark.parametrize("after", [-5, 10**12])
def test_a_place_that_is_not_in_the_log_is_its_nearest_end(tmp_path: Path, after: int) -> None:
    (tmp_path / "log").write_bytes(b"abc")
    assert tail(tmp_path, "log", after, over=True).after == 3


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 18 * * *", "at 18:00 every day"),
        ("0 9 * * mon; 30 12 1 * *", "at 09:00 on Monday; and at 12:30 on the first day of every month"),
        ("every 90m", "every 90m"),
    ],
)
def test_a_schedule_is_said_in_words(schedule: str, words: str) -> None:
    assert spoken(schedule) == words


def test_the_timeline_shows_who_is_held_back_and_no_start_of_theirs(here: Served) -> None:
    desk = here.desk
    desk.refresh()
    assert timeline(desk, "7d", only="prices").lanes[0].next_at is not None
    paused = Paused(automation="prices", until=None, reason="the vendor moves", at=desk.clock.now_ns())
    desk.ledger.append(
        [new_event(PAUSED, stream="automation/pauses", data=paused, actor="person:cli", now_ns=paused.at)]
    )
    lane = timeline(desk, "7d", only="prices").lanes[0]
    assert lane.next_at is None
    assert lane.state == "paused"
    assert "the vendor moves" in lane.note
    resumed = Resumed(automation="prices", reason="", at=desk.clock.now_ns())
    desk.ledger.append(
        [new_event(RESUMED, stream="automation/pauses", data=resumed, actor="person:cli", now_ns=paused.at)]
    )
    assert timeline(desk, "7d", only="prices").lanes[0].state == ""
