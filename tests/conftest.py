"""Rules for every test: a skip is loud, and a failure where everything is required."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Two busy cores make single examples slow without making the code wrong: no deadline, and the same examples every run
# in CI, so that a red build can be repeated.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A file is what a worker takes at a time. These take half a minute or more, most of it waiting: one of them begun last
# would leave the others idle.
LONGEST_FIRST = (
    "tests/contracts/test_engine_manifest.py",
    "tests/crash/test_up_kill.py",
    "tests/integration/test_demo.py",
    "tests/integration/engines/test_prefect.py",
    "tests/contracts/test_venue.py",
    "tests/integration/engines/test_dbos_workers.py",
    "tests/crash/test_core_kill.py",
    "tests/e2e/test_content_pages.py",
    "tests/e2e/test_acts.py",
    "tests/integration/engines/test_airflow.py",
    "tests/crash/test_dbos_workers.py",
    "tests/property/test_signal_decode_properties.py",
    "tests/contracts/test_feed.py",
    "tests/crash/test_automation_every_write.py",
    "tests/e2e/test_overview.py",
)
# Files that go to one worker, because what they share is made once per process: a Prefect server takes half a minute of
# processor to come up, and goes on asking its database.
TOGETHER = (
    "tests/contracts/test_engine_manifest.py",
    "tests/integration/engines/test_prefect.py",
    "tests/integration/engines/test_airflow.py",
)
ROOT = Path(__file__).parents[1]
_skipped: list[tuple[str, str]] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {ROOT / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker whole files, and those of `TOGETHER` to one."""
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # only where there are workers

    class Files(LoadFileScheduling):  # type: ignore[misc]  # as above
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return TOGETHER[0] if file in TOGETHER else file

    return Files(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append((report.nodeid, reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for nodeid, reason in _skipped:
        terminalreporter.write_line(f"SKIPPED, not tested: {nodeid}: {reason}", red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and os.environ.get("STEERSMAN_REQUIRE_ALL") == "1":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
