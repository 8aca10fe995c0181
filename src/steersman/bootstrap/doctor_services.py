"""What an operator should know about logins and data: who answers scripts, where keys and frames are, what fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.diagnosis import Diagnosis
from steersman.bootstrap.services import Services, open_services
from steersman.client.problem import Problem
from steersman.client.wire import NobodyAnswers, ask
from steersman.kernel.errors import SteersmanError
from steersman.services.commons import in_words
from steersman.services.credentials import key_place
from steersman.services.ports import Credentials, Pulls
from steersman.services.pulls.frames import Frames
from steersman.services.pulls.locks import FileLocks

_PATIENCE_S = 5.0


def examine_services(desk: Desk) -> Iterator[Diagnosis]:
    """Look at the services of `desk`; asks no provider and no source anything. Never raises for what it finds."""
    yield _answers(desk)
    try:
        with closing(open_services(desk)) as services:
            yield from _commons(services)
            if desk.workspace.providers:
                yield _keys(desk)
                yield from _logins(services.credentials)
            if desk.workspace.pulls.pulls or desk.workspace.pulls.cache.ad_hoc:
                yield _frames(desk)
                yield from _pulls(services.pulls)
    except SteersmanError as exc:
        yield Diagnosis(name="services", level="fail", found=exc.message, fix=exc.fix)


def _answers(desk: Desk) -> Diagnosis:
    try:
        pid = ask(str(desk.workspace.root), {"op": "ping"}, timeout_s=_PATIENCE_S)["pid"]
    except NobodyAnswers:
        return Diagnosis(
            name="services",
            level="warn",
            found="nobody serves: every question of a script starts a process of its own",
            fix="steersman up, or steersman serve services",
        )
    except Problem as exc:
        return Diagnosis(name="services", level="fail", found=exc.message, fix="stop that process and start it again")
    return Diagnosis(name="services", level="ok", found=f"process {pid} answers scripts")


def _commons(services: Services) -> Iterator[Diagnosis]:
    report = services.commons_report
    if report is None:
        return
    if report.standing is None:
        alone = "pulls go on alone meanwhile" if report.without == "alone" else "pulls fail meanwhile"
        yield Diagnosis(name="shared", level="fail", found=f"{in_words(report)}; {alone}", fix=report.fix)
        return
    yield Diagnosis(name="shared", level="ok", found=in_words(report))
    for concern in report.standing.concerns:
        yield Diagnosis(name="shared", level="warn", found=concern.problem, fix=concern.fix)


def _keys(desk: Desk) -> Diagnosis:
    place = key_place(desk.workspace.services)
    state = "are in" if place.chosen else "will be in"
    return Diagnosis(
        name="login keys",
        level="warn" if place.warning else "ok",
        found=f"{state} {place.detail}" + (f": {place.warning}" if place.warning else ""),
        fix="steersman auth rotate --help" if place.warning else "",
    )


def _logins(credentials: Credentials) -> Iterator[Diagnosis]:
    found = credentials.status()
    bad = [p for p in found if p.state in ("login_required", "failing")]
    for provider in bad:
        yield Diagnosis(
            name=f"login {provider.provider}",
            level="warn",
            found=provider.problem or provider.state.replace("_", " "),
            fix=provider.fix or f"steersman token {provider.provider} asks again",
        )
    if not bad:
        yield Diagnosis(name="logins", level="ok", found=f"{len(found)} declared, none needs a person")


def _frames(desk: Desk) -> Diagnosis:
    workspace = desk.workspace
    frames = Frames(workspace.services, workspace.pulls.cache, FileLocks(workspace.services / "locks"), desk.clock)
    budget = workspace.pulls.cache.disk_budget_bytes if frames.problem else workspace.pulls.cache.budget_bytes
    return Diagnosis(
        name="data",
        level="warn" if frames.problem else "ok",
        found=f"at most {budget / 1e6:,.0f} MB in {frames.folder}" + (f": {frames.problem}" if frames.problem else ""),
        fix="give /dev/shm more room; until then data lies on disk" if frames.problem else "",
    )


def _pulls(pulls: Pulls) -> Iterator[Diagnosis]:
    found = pulls.status()
    bad = [p for p in found if p.problem]
    for pull in bad:
        yield Diagnosis(
            name=f"pull {pull.pull}",
            level="warn",
            found=pull.problem,
            fix=f"steersman pull {pull.pull} --max-age 0s asks the source again",
        )
    if not bad:
        yield Diagnosis(name="pulls", level="ok", found=f"{len(found)} declared, none in trouble")
