"""A desk that serves answers by the steersman.toml in force, and says so when what it says now is not in force yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.services import open_services
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.errors import Misconfigured, SteersmanError
from steersman.services.serving import Caller
from steersman.services.serving.protocol import AskPull, AskToken

LATER = '\n[provider.late]\nkind = "api_key"\n\n[pull.late]\nurl = "http://127.0.0.1:9/x"\n'


@pytest.mark.parametrize("question", [AskToken(provider="late"), AskPull(what="late")])
def test_what_was_declared_after_the_start_is_told_from_what_never_was(
    tmp_path: Path, question: AskToken | AskPull
) -> None:
    make_empty(tmp_path)
    desk = open_desk(tmp_path)
    services = open_services(desk)
    handler, caller = services.handler(), Caller(who="test", run_id="")
    with pytest.raises(Misconfigured, match="there is no p") as never:
        handler.answer(question, caller)
    assert "two seconds" not in never.value.fix
    with (tmp_path / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write(LATER)
    with pytest.raises(Misconfigured, match=r"steersman\.toml was changed, and what it says now is not in") as since:
        handler.answer(question, caller)
    assert since.value.fix.startswith("ask again in two seconds")
    desk.workspace = load_workspace(tmp_path)
    with pytest.raises(SteersmanError) as now:
        handler.answer(question, caller)
    assert "there is no p" not in str(now.value)
    services.close()
    desk.close()
