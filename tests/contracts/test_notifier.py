"""What every target must keep to: one attempt, an honest verdict about it, and no word of its address."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.builders_notices import NOON, a_message, settings
from tests.local_server import Asked, LocalServer, Reply
from tests.mail_server import MailServer

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.services.notices import Notifier

SECRET = "s3cr3t-t0k3n"
KINDS = ("apprise", "command", "webhook")
TELL = """
cat > told.json
[ ! -e code ] || exit "$(cat code)"
[ ! -e hang ] || exec sleep 20
"""


class Target:
    """A target of one kind over a receiver whose behaviour can be chosen: an HTTP status, `hang` or `reset`."""

    def __init__(self, notifier: Notifier, behave: Callable[[str], None], told: Callable[[], str]) -> None:
        self.notifier = notifier
        self.behave = behave
        self.told = told


def made(kind: str, root: Path, line: str, address: str = "", *, timeout: str = "400ms") -> Notifier:
    read = settings(f'[notify.phone]\nkind = "{kind}"\ntimeout = "{timeout}"\n{line}\n')["phone"]
    found: Notifier = factory("notifiers", kind)(
        name="phone",
        settings=read,
        root=root,
        desk="Desk",
        secret=lambda reference: {"env:URL": address, "env:KEY": "k3y"}[reference],
        clock=FakeClock(NOON),
    )
    return found


@contextmanager
def target(kind: str, root: Path) -> Iterator[Target]:
    if kind == "command":
        (root / "tell.sh").write_text(TELL)

        def behave(how: str) -> None:
            (root / ("hang" if how == "hang" else "code")).write_text("9" if how.isdecimal() else "")

        yield Target(made(kind, root, 'run = "tell.sh"'), behave, (root / "told.json").read_text)
        return
    chosen = [Reply()]
    with LocalServer(lambda _: chosen[0]) as server:

        def answer(how: str) -> None:
            chosen[0] = Reply(status=int(how)) if how.isdecimal() else Reply(how=how)  # type: ignore[arg-type]

        address = f"{server.url}/{SECRET}"
        if kind == "apprise":
            address = address.replace("http://", "json://")
        yield Target(made(kind, root, 'url = "env:URL"', address), answer, lambda: _last(server))


def _last(server: LocalServer) -> str:
    return server.asked[-1].body.decode()


@pytest.fixture(params=KINDS)
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Target]]:
    with target(request.param, tmp_path) as found:
        yield request.param, found


def refused(found: Target) -> SteersmanError:
    with pytest.raises(SteersmanError) as error:
        found.notifier.send(a_message())
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
    return error.value


def test_a_message_arrives_with_what_is_the_matter_why_and_what_to_do(at: tuple[str, Target]) -> None:
    _, found = at
    assert SECRET not in found.notifier.send(a_message(first="prices failed: ü \U0001f600"))
    told = json.loads(found.told())
    everything = json.dumps(told, ensure_ascii=False)
    for part in (
        "prices failed: ü \U0001f600",
        "run prices-1, attempt 2",
        "steersman auto logs prices-1",
        "/runs/prices-1",
    ):
        assert part in everything


def test_a_message_of_many_lines_arrives_whole(at: tuple[str, Target]) -> None:
    _, found = at
    found.notifier.send(a_message(lines=tuple(f"job{n} failed" for n in range(200))))
    assert "job199 failed" in found.told()


@pytest.mark.parametrize("status", ["500", "503"])
def test_an_other_side_in_trouble_is_tried_again(at: tuple[str, Target], status: str) -> None:
    _, found = at
    found.behave(status)
    assert type(refused(found)) is Unavailable


def test_an_other_side_that_hangs_may_have_taken_it(at: tuple[str, Target]) -> None:
    _, found = at
    found.behave("hang")
    assert isinstance(refused(found), OutcomeUnknown)


@pytest.mark.parametrize("kind", ["apprise", "webhook"])
@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("404", Misconfigured),
        ("401", Misconfigured),
        ("400", Rejected),
        ("429", Unavailable),
        ("reset", OutcomeUnknown),
    ],
)
def test_what_an_answer_means_for_another_attempt(
    kind: str, how: str, error: type[SteersmanError], tmp_path: Path
) -> None:
    with target(kind, tmp_path) as found:
        found.behave(how)
        assert type(refused(found)) is error


def test_nobody_there_is_no_doubt_for_a_webhook(tmp_path: Path) -> None:
    found = made("webhook", tmp_path, 'url = "env:URL"', f"http://127.0.0.1:9/{SECRET}")
    with pytest.raises(Unavailable) as error:
        found.send(a_message())
    assert type(error.value) is Unavailable
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        f"http://example.com/{SECRET}",
        f"ftp://{SECRET}",
        SECRET,
        f"https://u:{SECRET}@example.com/",
        "https://",
        f"https://{'a' * 70}.example/{SECRET}",
        f"https://.../{SECRET}",
        pytest.param(f"http://127.0.0.1:9/{SECRET * 10_000}", id="huge"),
    ],
)
def test_a_webhook_sends_nothing_where_others_could_read_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as error:
        made("webhook", tmp_path, 'url = "env:URL"', address).send(a_message())
    assert SECRET not in str(error.value)
    assert "example.com" not in str(error.value)


def test_a_webhook_is_signed_and_carries_its_key_again_when_it_is_repeated(tmp_path: Path) -> None:
    with LocalServer(lambda _: Reply()) as server:
        found = made("webhook", tmp_path, 'url = "env:URL"\nsecret = "env:KEY"', f"{server.url}/hook?{SECRET}")
        found.send(a_message())
        found.send(a_message())
    first, second = server.asked
    assert (first.path, first.method) == (f"/hook?{SECRET}", "POST")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == first.json["id"]
    assert first.headers["webhook-signature"] == _signature(first)


def _signature(asked: Asked) -> str:
    said = f"{asked.headers['webhook-timestamp']}.".encode() + asked.body
    return f"sha256={hmac.new(b'k3y', said, hashlib.sha256).hexdigest()}"


def test_without_apprise_a_target_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Misconfigured) as error:
        made("apprise", tmp_path, 'url = "env:URL"')
    assert error.value.fix == "pip install 'steersman[notify]'"


def test_what_is_too_long_for_a_service_comes_in_parts(tmp_path: Path) -> None:
    with LocalServer(lambda _: Reply()) as server:
        found = made("apprise", tmp_path, 'url = "env:URL"', f"{server.url}/x".replace("http", "json"))
        found.send(a_message(lines=tuple(f"order{n} of unknown outcome" for n in range(2000))))
    assert len(server.asked) > 1
    assert "order1999 of unknown outcome" in server.asked[-1].json["message"]


def test_a_command_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    import psutil

    with target("command", tmp_path) as found:
        found.behave("hang")
        refused(found)
    mine = [p for p in psutil.Process().children(recursive=True) if "sleep" in " ".join(p.cmdline())]
    assert mine == []


@pytest.mark.parametrize(("run", "why"), [("gone.sh", "no file"), ("no-such-command-here", "cannot be started")])
def test_a_command_that_is_not_there_is_named(run: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=why):
        made("command", tmp_path, f'run = "{run}"').send(a_message())


def test_a_command_that_reads_nothing_is_no_failure(tmp_path: Path) -> None:
    assert made("command", tmp_path, 'run = "true"').send(a_message(why="x" * 1_000_000)) == "ended with exit code 0"


def test_mail_arrives_at_a_real_server_and_a_refused_recipient_is_a_failure(tmp_path: Path) -> None:
    def told(server: MailServer) -> str:
        address = f"mailto://127.0.0.1:{server.port}/?from=desk@example.com&to=me@example.com&mode=insecure"
        return made("apprise", tmp_path, 'url = "env:URL"', address, timeout="20s").send(a_message())

    with MailServer() as server:
        assert told(server) == "mailto took it"
    mail: Any = email.message_from_string(server.messages[0], policy=email.policy.default)
    assert mail["subject"] == "[Desk] prices failed: ended with exit code 1"
    assert "steersman auto logs prices-1" in mail.get_body().get_content()
    with MailServer(refuses=True) as server, pytest.raises(SteersmanError) as error:
        told(server)
    assert "me@example.com" not in str(error.value)


@pytest.mark.parametrize("address", ["nonsense", "zzz://x", "", f"json://{SECRET}:notaport/"])
def test_an_address_that_apprise_does_not_know_is_refused_without_quoting_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(SteersmanError) as error:
        made("apprise", tmp_path, 'url = "env:URL"', address).send(a_message())
    assert SECRET not in str(error.value)
