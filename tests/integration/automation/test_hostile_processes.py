"""Scripts that try to get away, to take the machine, or that cannot be started: each ends, and it is known why."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.builders_automation import PYTHON, a_script, wait_for

from steersman.automation.runner.command import environment
from steersman.automation.runner.group import start_ticks
from steersman.automation.runner.launcher import LAUNCHER
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import SystemClock


@pytest.fixture
def stop() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def run(root: Path, stop: tuple[int, int], *command: str, **fields: object) -> ProcessResult:
    artifacts = root / "artifacts"
    artifacts.mkdir(exist_ok=True)
    spec = {
        "run_id": f"run-{root.name}",
        "arguments": command,
        "cwd": root,
        "env": environment({}, root=root, run_id=f"run-{root.name}", attempt=1, artifacts=artifacts),
        "timeout_s": 30.0,
        "log": root / "log",
        "log_limit_bytes": 1 << 20,
        "stop_fd": stop[0],
        "cancel_file": root / "cancel",
        "grace_s": 0.3,
        "artifacts": artifacts,
        "free_floor_bytes": 0,
        **fields,
    }
    return run_process(ProcessSpec(**spec), SystemClock(), lambda pid: None)  # type: ignore[arg-type]  # by name above


def script(root: Path, body: str) -> tuple[str, str]:
    return PYTHON, str(root / a_script(root, "script.py", body))


def gone(pid_file: Path) -> bool:
    return start_ticks(int(pid_file.read_text())) is None


# Leaves its session, its group, its parent, its descriptors, its environment and its name behind; then says it is up.
DAEMON = """
    import os, pathlib, sys, time
    up = "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" \\
         "open('daemon', 'w').write(str(os.getpid())); time.sleep(600)"
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            os.execve(sys.executable, ["[kworker/0:1]", "-c", up], {})
        os._exit(0)
    os.wait()
    while not os.path.exists("daemon") or not os.path.getsize("daemon"):
        time.sleep(0.01)
    pathlib.Path("up").touch()
"""


def test_a_daemon_without_session_environment_and_descriptors_ends_with_a_run_that_ended_well(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    result = run(tmp_path, stop, *script(tmp_path, DAEMON))
    assert (result.ending, result.exit_code, result.left_running) == ("exited", 0, 1)
    assert gone(tmp_path / "daemon"), "all of it is over when the run is"
    said = (tmp_path / "log").read_text()
    assert "ended 1 process it left running: " in said
    assert f"({(tmp_path / 'daemon').read_text()})" in said


def test_a_daemon_without_session_environment_and_descriptors_ends_after_the_timeout(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    command = script(tmp_path, DAEMON + "    time.sleep(600)\n")
    result = run(tmp_path, stop, *command, timeout_s=1.0)
    assert result.ending == "timed_out"
    assert gone(tmp_path / "daemon")


def test_a_script_that_kills_its_keeper_is_ended_all_the_same(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = """
        import os, pathlib, signal, time
        pathlib.Path("main").write_text(str(os.getpid()))
        keeper = os.getppid()
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("daemon").write_text(str(os.getpid()))
            os.kill(keeper, signal.SIGKILL)
        os.environ.clear()
        time.sleep(600)
    """
    result = run(tmp_path, stop, *script(tmp_path, body))
    assert (result.exit_code, result.problem) == (
        -signal.SIGKILL,
        "the process that kept it was killed, so its figures are not known",
    )
    wait_for(lambda: gone(tmp_path / "main") and gone(tmp_path / "daemon"))


def test_the_process_that_starts_runs_is_started_again_when_it_was_killed(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    assert run(tmp_path, stop, "true").exit_code == 0
    process = LAUNCHER._process
    assert process is not None
    process.kill()
    process.wait()
    assert run(tmp_path, stop, "true").exit_code == 0


def test_runs_go_on_beside_each_other_and_end_only_their_own(tmp_path: Path, stop: tuple[int, int]) -> None:
    bystander = psutil.Popen(["sleep", "600"])
    try:
        first, second = tmp_path / "first", tmp_path / "second"
        for folder in (first, second):
            folder.mkdir()
            assert run(folder, stop, *script(folder, DAEMON)).left_running == 1
        assert bystander.status() == psutil.STATUS_SLEEPING
    finally:
        bystander.kill()
        bystander.wait()


def test_a_script_that_multiplies_is_ended_at_the_limit(tmp_path: Path, stop: tuple[int, int]) -> None:
    # Bounded, so that a failure of this test does not take the machine: each of 40 forks 20, as fast as it can.
    body = """
        import os, time
        for _ in range(40):
            if os.fork() == 0:
                for _ in range(20):
                    if os.fork() == 0:
                        os.setsid()
                        time.sleep(600)
                time.sleep(600)
        time.sleep(600)
    """
    result = run(tmp_path, stop, *script(tmp_path, body), max_processes=60)
    assert (result.ending, result.reason) == ("processes", "it had more than 60 processes at once")
    mine = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())]
    assert mine == []


def test_artifacts_beyond_their_limit_end_the_run(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(os.path.join(os.environ["STEERSMAN_ARTIFACTS"], "big"), "wb") as file:
            for _ in range(12):
                file.write(b"x" * (1 << 20))
                file.flush()
            while True:
                time.sleep(1)
    """
    result = run(tmp_path, stop, *script(tmp_path, body), artifact_limit_bytes=4 << 20)
    assert result.ending == "disk"
    assert result.reason.startswith("its artifacts grew to ")
    assert result.reason.endswith(" MB, allowed: 4.0")


def test_holes_in_artifacts_cost_nothing(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = 'truncate -s 1G "$STEERSMAN_ARTIFACTS/sparse"; sleep 0.3'
    assert run(tmp_path, stop, "sh", "-c", body, artifact_limit_bytes=1 << 20).ending == "exited"


def test_a_script_that_fills_the_disk_is_ended_before_it_is_full(
    tmp_path: Path, stop: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "free"
    real = os.statvfs

    class Shrinking:
        """A disk with as much room as the file `free` says, less what lies in the workspace."""

        def __init__(self, path: Path) -> None:
            self.f_frsize = real(path).f_frsize
            used = sum(p.stat().st_size for p in tmp_path.glob("fill*"))
            self.f_bavail = (int(disk.read_text()) - used) // self.f_frsize

    disk.write_text(str(100 << 20))
    monkeypatch.setattr(os, "statvfs", Shrinking)
    body = "import time\nwith open('fill', 'wb') as f:\n for _ in range(90):\n  f.write(b'x' * (1 << 20)); f.flush()\n"
    command = script(tmp_path, body + "time.sleep(600)\n")
    result = run(tmp_path, stop, *command, free_floor_bytes=64 << 20)
    assert result.ending == "disk"
    assert result.reason.startswith("it wrote ")
    assert "kept free: 64" in result.reason


def test_output_without_end_and_without_a_line_costs_little_and_ends_at_the_timeout(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    before = psutil.Process().cpu_times()
    result = run(tmp_path, stop, "sh", "-c", "exec tr '\\0' x < /dev/zero", timeout_s=3.0)
    after = psutil.Process().cpu_times()
    assert result.ending == "timed_out"
    assert (tmp_path / "log").stat().st_size < (1 << 20) + 200
    assert result.log_bytes + result.log_truncated_bytes < 500 << 20, "it was made to wait"
    assert after.user + after.system - before.user - before.system < 2.0


def test_a_pipeline_whose_reader_leaves_ends_as_in_a_shell(tmp_path: Path, stop: tuple[int, int]) -> None:
    # Python ignores SIGPIPE; a script that inherited that would print errors, or never end.
    result = run(tmp_path, stop, "sh", "-c", "yes | head -n 1")
    assert (result.exit_code, result.tail) == (0, b"y\n")


def test_signals_are_as_a_shell_would_leave_them(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "cat", "/proc/self/status")
    lines = (line.split() for line in result.tail.decode().splitlines())
    masks = {line[0]: int(line[1], 16) for line in lines if line[0] in ("SigBlk:", "SigIgn:", "SigCgt:")}
    # Above 31 are the C library's own.
    assert [mask & 0x7FFFFFFF for mask in masks.values()] == [0, 0, 0]


def test_a_script_has_three_descriptors_and_no_more(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "ls", "/proc/self/fd")
    assert result.tail.split() == [b"0", b"1", b"2", b"3"], "the last is the folder that ls reads"


def test_there_is_no_terminal_to_open(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "( : < /dev/tty ) 2>/dev/null || echo none")
    assert result.tail == b"none\n"


def test_a_script_that_deletes_itself_while_it_runs_ends_as_it_would(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, *script(tmp_path, "import os, sys; os.unlink(sys.argv[0]); sys.exit(4)"))
    assert (result.ending, result.exit_code) == ("exited", 4)


def test_cpu_of_what_a_script_left_behind_counts(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            while time.process_time() < 0.3:
                pass
            os.close(os.open("burnt", os.O_CREAT))
            time.sleep(600)
        while not os.path.exists("burnt"):
            time.sleep(0.01)
    """
    assert run(tmp_path, stop, *script(tmp_path, body)).cpu_s >= 0.3


def test_what_an_earlier_attempt_linked_in_place_of_the_log_is_not_written_through(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me")
    (tmp_path / "log").symlink_to(target)
    assert run(tmp_path, stop, "echo", "hello").problem == ""
    assert (target.read_text(), (tmp_path / "log").read_text()) == ("keep me", "hello\n")


def test_a_folder_that_takes_no_log_stops_the_log_and_not_the_run(tmp_path: Path, stop: tuple[int, int]) -> None:
    # A folder in its place: refused to root too, whom permissions do not bind.
    (tmp_path / "log").mkdir()
    result = run(tmp_path, stop, "echo", "hello")
    assert (result.exit_code, result.tail) == (0, b"hello\n")
    assert result.problem == "the log could not be written: Is a directory"


def refusal(root: Path, stop: tuple[int, int], *command: str, **fields: object) -> str:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the words are what is looked at
        run(root, stop, *command, **fields)
    return str(caught.value.strerror)


def test_each_way_of_not_starting_is_named(tmp_path: Path, stop: tuple[int, int]) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/usr/bin/pythn3 -u\n")
    tool.chmod(0o755)
    missing = "No such file or directory: its first line asks for /usr/bin/pythn3, which is not there"
    assert refusal(tmp_path, stop, str(tool)) == missing
    tool.write_bytes(b"#!/bin/sh\r\ntrue\r\n")
    assert refusal(tmp_path, stop, str(tool)).endswith("its first line asks for '/bin/sh\\r', which is not there")
    tool.write_bytes(b"\x00\x01 not a program")
    assert refusal(tmp_path, stop, str(tool)).startswith("Exec format error: neither a program for this machine")
    tool.chmod(0o644)
    assert refusal(tmp_path, stop, str(tool)) == "Permission denied"
    assert refusal(tmp_path, stop, "no-such-command") == "No such file or directory: no-such-command"
    assert refusal(tmp_path, stop, "true", cwd=tmp_path / "gone") == f"No such file or directory: {tmp_path / 'gone'}"


def test_a_nul_byte_is_refused(tmp_path: Path, stop: tuple[int, int]) -> None:
    assert "NUL" in refusal(tmp_path, stop, "echo", "a\0b")
    assert "NUL" in refusal(tmp_path, stop, "true", env={"A": "b\0c"})


def test_an_environment_that_is_too_large_is_named_with_its_largest_member(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    said = refusal(tmp_path, stop, "true", env={"PATH": os.environ["PATH"], "BIG": "x" * 200_000})
    assert said.startswith("Argument list too long: the command has 5 bytes and the environment ")
    assert "200,005 of them in BIG" in said


ENGINE = """
import os, sys
from pathlib import Path
from steersman.automation.runner.process import ProcessSpec, run_process
from steersman.kernel.clock import SystemClock
root = Path(sys.argv[1])
reading, writing = os.pipe()
run_process(
    ProcessSpec(
        run_id="r", arguments=[sys.executable, sys.argv[2]], cwd=root, env={}, timeout_s=600, log=root / "log",
        log_limit_bytes=1000, stop_fd=reading, cancel_file=root / "cancel", grace_s=0.2, outlive_s=0.2,
    ),
    SystemClock(),
    lambda pid: None,
)
"""


def test_nothing_outlives_an_engine_that_was_killed(tmp_path: Path) -> None:
    _, path = script(tmp_path, DAEMON + "    time.sleep(600)\n")
    with psutil.Popen([PYTHON, "-c", ENGINE, str(tmp_path), path]) as engine:
        wait_for((tmp_path / "up").exists)
        keepers = engine.children(recursive=True)
        engine.kill()
    wait_for(lambda: gone(tmp_path / "daemon"))
    wait_for(lambda: not any(p.is_running() for p in keepers))


def test_what_a_script_started_has_the_same_grace_to_end_in_as_the_script(
    tmp_path: Path, stop: tuple[int, int]
) -> None:
    body = """
        import os, pathlib, signal, time
        if os.fork() == 0:
            def tidy(*_):
                time.sleep(0.3)
                pathlib.Path("tidied").touch()
                os._exit(0)
            signal.signal(signal.SIGTERM, tidy)
            os.setsid()
            pathlib.Path("ready").touch()
            time.sleep(600)
        while not os.path.exists("ready"):
            time.sleep(0.01)
        pathlib.Path("cancel").touch()
        time.sleep(600)
    """
    result = run(tmp_path, stop, *script(tmp_path, body), grace_s=20.0)
    assert (result.ending, result.exit_code) == ("cancelled", -signal.SIGTERM)
    assert (tmp_path / "tidied").exists()
    assert result.wall_s < 10
