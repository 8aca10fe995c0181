from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    run: str
    retries: int = 0
    limits: dict[str, int] = {}
    price: Decimal | None = None


def refusal(text: str, kind: object = dict[str, Job]) -> str:
    with pytest.raises(Misconfigured) as caught:
        TomlFile(text, name="steersman.toml").section(("automation",), kind)  # type: ignore[arg-type]  # any msgspec type
    return str(caught.value)


def test_broken_toml_names_the_line() -> None:
    with pytest.raises(Misconfigured, match=r"steersman.toml: not valid TOML: .*line 2"):
        TomlFile("a = 1\nb = = 2\n", name="steersman.toml")


def test_an_unknown_field_names_its_line_what_is_allowed_and_the_likely_meaning() -> None:
    message = refusal('[automation.prices]\nrun = "x"\n\nretrys = 3\n')
    assert "steersman.toml:4: automation.prices.retrys: unknown field" in message
    assert "allowed here: run, retries, limits, price" in message
    assert "did you mean `retries`?" in message


def test_a_wrong_type_names_line_field_found_and_expected() -> None:
    message = refusal('[automation.prices]\nrun = "x"\nretries = "three"\n')
    assert "steersman.toml:3: automation.prices.retries: expected `int`, got `str`; found 'three'" in message


def test_a_missing_field_names_the_table() -> None:
    message = refusal("[automation.prices]\nretries = 3\n")
    assert "steersman.toml:1: automation.prices: `run` is missing" in message


def test_an_inline_table_is_placed_on_its_line() -> None:
    message = refusal('[automation.prices]\nrun = "x"\nlimits = { cpu = "1" }\n')
    assert "steersman.toml:3: automation.prices.limits" in message


def test_an_absent_section_is_an_empty_one() -> None:
    assert TomlFile("", name="x").section(("automation",), dict[str, Job]) == {}


def test_quoted_and_dotted_keys_have_lines() -> None:
    file = TomlFile('[instrument."BRK.B"]\nvenue = "paper"\n[a.b]\nc.d = 1\n', name="x")
    assert file.line_of(("instrument", "BRK.B", "venue")) == 2
    assert file.line_of(("a", "b", "c", "d")) == 4
    assert file.line_of(("a", "b", "nothing")) == 3
