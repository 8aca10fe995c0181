"""The processes between engine and script, stopped or silent: waited for within bounds, replaced, and known."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.builders_automation import PYTHON, a_script, wait_for

from steersman.automation.runner import launcher as module
from steersman.automation.runner import process
from steersman.automation.runner.command import environment
from steersman.automation.runner.group import start_ticks
from steersman.automation.runner.launcher import Launcher
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import SystemClock


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    """The launcher of this test, impatient."""
    own = Launcher(patience_s=0.6)
    monkeypatch.setattr(process, "LAUNCHER", own)
    yield own
    own.close()


@pytest.fixture
def stop() -> Iterator[int]:
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


def run(root: Path, stop: int, *command: str, timeout_s: float = 30.0) -> ProcessResult:
    spec = ProcessSpec(
        run_id=f"run-{root.name}",
        arguments=command,
        cwd=root,
        env=environment({}, root=root, run_id=f"run-{root.name}", attempt=1, artifacts=root),
        timeout_s=timeout_s,
        log=root / "log",
        log_limit_bytes=1 << 20,
        stop_fd=stop,
        cancel_file=root / "cancel",
        grace_s=0.2,
        free_floor_bytes=0,
    )
    return run_process(spec, SystemClock(), lambda pid: None)


def script(root: Path, body: str) -> tuple[str, str]:
    return PYTHON, str(root / a_script(root, "script.py", body))


def pid_of(launcher: Launcher) -> int:
    assert launcher._process is not None
    return launcher._process.pid


# What a script does to be seen: a line per start.
COUNTED = "with open('starts', 'a') as file: file.write('started\\n')"


def test_a_launcher_that_was_stopped_is_woken_and_the_script_starts_once(
    tmp_path: Path, stop: int, launcher: Launcher
) -> None:
    run(tmp_path, stop, "true")
    before = pid_of(launcher)
    os.kill(before, signal.SIGSTOP)
    assert run(tmp_path, stop, *script(tmp_path, COUNTED)).exit_code == 0
    assert (tmp_path / "starts").read_text() == "started\n"
    assert pid_of(launcher) == before


def test_a_launcher_that_does_not_answer_is_replaced_and_the_script_starts_once(
    tmp_path: Path, stop: int, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, stop, "true")
    before = pid_of(launcher)
    os.kill(before, signal.SIGSTOP)
    # As if it hung in a way that no signal cures.
    monkeypatch.setattr("steersman.automation.runner.launcher._wake", lambda process: None)
    assert run(tmp_path, stop, *script(tmp_path, COUNTED)).exit_code == 0
    assert (tmp_path / "starts").read_text() == "started\n"
    assert start_ticks(before) is None
    assert pid_of(launcher) != before


def test_a_run_of_a_launcher_that_was_replaced_ends_as_ever(
    tmp_path: Path, stop: int, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
        import os, pathlib, time
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("daemon").write_text(str(os.getpid()))
            time.sleep(600)
        while not os.path.exists("replaced"):
            time.sleep(0.01)
    """
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    results: list[ProcessResult] = []
    command = script(first, body)
    thread = threading.Thread(target=lambda: results.append(run(first, stop, *command)))
    thread.start()
    wait_for((first / "daemon").exists)
    os.kill(pid_of(launcher), signal.SIGSTOP)
    monkeypatch.setattr("steersman.automation.runner.launcher._wake", lambda process: None)
    assert run(second, stop, "true").exit_code == 0
    (first / "replaced").touch()
    thread.join()
    assert [(r.ending, r.exit_code, r.left_running) for r in results] == [("exited", 0, 1)]
    assert start_ticks(int((first / "daemon").read_text())) is None


def test_many_that_wait_for_a_silent_launcher_replace_it_once_and_start_once_each(
    tmp_path: Path, stop: int, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, stop, "true")
    os.kill(pid_of(launcher), signal.SIGSTOP)
    monkeypatch.setattr("steersman.automation.runner.launcher._wake", lambda process: None)
    opened: list[Launcher] = []
    really = Launcher._open

    def counted(self: Launcher) -> None:
        opened.append(self)
        really(self)

    monkeypatch.setattr(Launcher, "_open", counted)
    folders = [tmp_path / str(number) for number in range(6)]
    codes: list[int] = []

    def start(folder: Path) -> None:
        codes.append(run(folder, stop, "sh", "-c", "echo started >> starts").exit_code)

    for folder in folders:
        folder.mkdir()
    threads = [threading.Thread(target=start, args=[folder]) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0] * 6
    assert [(folder / "starts").read_text() for folder in folders] == ["started\n"] * 6
    assert len(opened) == 1


def test_a_launcher_that_was_stopped_does_not_stay_when_the_engine_closes(
    tmp_path: Path, stop: int, launcher: Launcher
) -> None:
    run(tmp_path, stop, "true")
    before = pid_of(launcher)
    os.kill(before, signal.SIGSTOP)
    launcher.close()
    assert start_ticks(before) is None


def test_a_script_that_stops_its_keeper_ends_as_it_would(tmp_path: Path, stop: int, launcher: Launcher) -> None:
    body = "import os, signal; os.kill(os.getppid(), signal.SIGSTOP); print('done')"
    result = run(tmp_path, stop, *script(tmp_path, body))
    assert (result.ending, result.exit_code, result.problem, result.tail) == ("exited", 0, "", b"done\n")


def test_a_script_that_stops_all_above_it_over_and_over_is_ended_at_its_timeout(
    tmp_path: Path, stop: int, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_KILL_AGAIN_S", 0.1)
    body = """
        import os, pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper = os.getppid()
        pathlib.Path("main").write_text(str(os.getpid()))
        while True:
            os.kill(keeper, signal.SIGSTOP)
    """
    result = run(tmp_path, stop, *script(tmp_path, body), timeout_s=0.5)
    assert result.ending == "timed_out"
    wait_for(lambda: start_ticks(int((tmp_path / "main").read_text())) is None)


def test_a_keeper_that_falls_silent_after_the_word_to_start_fails_the_start_and_leaves_nothing(
    tmp_path: Path, stop: int, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.Kept, "wake", lambda self: False)

    def silenced(self: Launcher, control: object, keeper: module.Kept) -> int:
        os.kill(keeper.pid, signal.SIGSTOP)
        kept.append(keeper.pid)
        return really(self, control, keeper)  # type: ignore[arg-type]  # as it came

    kept: list[int] = []
    really = Launcher._begun
    monkeypatch.setattr(Launcher, "_begun", silenced)
    with pytest.raises(OSError, match=r"no answer in 0\.6 s from the process that starts it"):
        run(tmp_path, stop, *script(tmp_path, COUNTED))
    wait_for(lambda: not psutil.pid_exists(kept[0]))
    assert not (tmp_path / "starts").exists()
