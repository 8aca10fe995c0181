"""`[ai]`, `[model.NAME]` and `[reviewer.NAME]` are refused with line, found, allowed and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bootstrap.workspace import Workspace, load_workspace
from steersman.kernel.errors import Misconfigured

LOCAL = '[model.local]\nkind = "pydantic_ai"\nmodel = "q"\nbase_url = "http://127.0.0.1:11434/v1"\n'
HOSTED = '[model.hosted]\nkind = "pydantic_ai"\nmodel = "gpt"\nkey = "env:KEY"\n'
PRICES = 'input_price = "0.15"\noutput_price = "0.60"\n'


def workspace(root: Path, text: str) -> Workspace:
    (root / "steersman.toml").write_text(text, encoding="utf-8")
    return load_workspace(root)


def test_nothing_leaves_the_machine_and_nothing_may_cost_unless_somebody_says_so(tmp_path: Path) -> None:
    models = workspace(tmp_path, LOCAL).ai
    assert not models.ai.remote
    assert models.ai.budget == 0
    assert models.models["local"].is_local


def test_a_hosted_model_needs_leave_prices_and_a_key(tmp_path: Path) -> None:
    found = workspace(tmp_path, f"[ai]\nremote = true\n{HOSTED}{PRICES}").ai
    assert not found.models["hosted"].is_local


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HOSTED + PRICES, "texts may not leave this machine"),
        ("[ai]\nremote = true\n" + HOSTED, "prices are missing"),
        ("[ai]\nremote = true\n" + HOSTED.replace('key = "env:KEY"\n', "") + PRICES, "asks for one"),
        ("[ai]\nremote = true\n" + HOSTED.replace("env:KEY", "sk-1234567890") + PRICES, "never the secret"),
        (LOCAL.replace("127.0.0.1", "192.168.1.20"), "http to 192.168.1.20"),
        (LOCAL.replace("http://127.0.0.1:11434/v1", "https://me:pw@h.example/v1"), "a user"),
        (
            LOCAL.replace("http://127.0.0.1:11434/v1", 'https://127.0.0.1.evil.example/v1"\nkey = "env:K'),
            "may not leave",
        ),
        (LOCAL.replace("http://127.0.0.1:11434/v1", "ollama"), "no address"),
        (LOCAL.replace('model = "q"', 'model = " "'), "name of the model"),
        (LOCAL + 'timeout = "2 weeks"\n', "span"),
        (LOCAL + "max_output_tokens = 0\n", "1 to 64000"),
        (LOCAL + 'input_price = "cheap"\n', "per million tokens"),
        (LOCAL + 'input_price = "-1"\n', "per million tokens"),
        (LOCAL + 'provider = "cohere"\n', "provider"),
        ('[ai]\ndaily_budget = "lots"\n', "an amount in USD"),
        ('[ai]\ndaily_budget = "NaN"\n', "an amount in USD"),
        ('[ai]\nmodel = "gone"\n', "none is declared"),
        ('[ai]\nredact = [" "]\n', "empty word"),
        ('[model.local]\nmodel = "q"\n', "`kind` is missing"),
        ('[model.local]\nkind = "gpt"\n', "no adapter 'gpt'"),
        ('[model."A b"]\nkind = "memory"\n', "a name is"),
        ('[content]\nllm = "gone"\n' + LOCAL, "allowed: local"),
        ('[reviewer.lt]\nkind = "languagetool"\nurl = "http://api.languagetool.org"\n', "can be read on the way"),
        ('[reviewer.lt]\nkind = "languagetool"\nlanguage = "English"\n', "language code"),
        ('[reviewer.lt]\nkind = "languagetool"\nkey = "env:K"\n', "username"),
        ('[reviewer.llm]\nkind = "languagetool"\n', "a name is"),
        ('[reviewer.lt]\nkind = "vale"\n', "no adapter 'vale'"),
        ('[reviewer.gr]\nkind = "grammarly"\nclient_id = "x"\n', "env: or file:"),
        ('[reviewer.gr]\nkind = "grammarly"\nclient_id = "x"\nclient_secret = "env:S"\nmin_score = 101\n', "0 to 100"),
        (
            '[reviewer.gr]\nkind = "grammarly"\nclient_id = "x"\nclient_secret = "env:S"\nmin_score = { style = 3 }\n',
            "general, engagement",
        ),
        ('[reviewer.ed]\nkind = "instructions"\nfile = "gone.md"\n', "no such file"),
        ('[reviewer.ed]\nkind = "instructions"\nfile = "../outside.md"\n', "a file of the workspace"),
        ('[reviewer.ed]\nkind = "instructions"\nfile = "steersman.toml"\nmodel = "gone"\n' + LOCAL, "allowed: local"),
    ],
)
def test_a_mistake_names_its_line_and_its_fix(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as error:
        workspace(tmp_path, text)
    assert says in error.value.message
    assert error.value.message.startswith("steersman.toml:")
    assert error.value.fix
    assert "sk-1234567890" not in str(error.value)


def test_the_model_is_the_named_one_the_usual_one_or_the_only_one(tmp_path: Path) -> None:
    both = f'[ai]\nmodel = "local"\n{LOCAL}[model.other]\nkind = "memory"\n'
    models = workspace(tmp_path, both).ai
    assert models.named()[0] == "local"
    assert models.named("other")[0] == "other"
    with pytest.raises(Misconfigured, match="no model 'gone'"):
        models.named("gone")
    assert workspace(tmp_path, LOCAL).ai.named()[0] == "local"
    with pytest.raises(Misconfigured, match="no model is chosen"):
        workspace(tmp_path, both.replace('model = "local"\n', "", 1)).ai.named()
    with pytest.raises(Misconfigured, match=r"no model is chosen; declared in steersman\.toml: none"):
        workspace(tmp_path, "").ai.named()
