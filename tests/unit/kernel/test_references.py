"""A setting names where a secret is; the secret itself appears in no message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steersman.kernel.errors import Misconfigured
from steersman.kernel.references import problem, resolve

SECRET = "PKTEST-very-secret"


def a_file(path: Path, content: bytes = SECRET.encode(), mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_variable_of_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEERSMAN_TEST_KEY", SECRET)
    assert resolve("env:STEERSMAN_TEST_KEY", tmp_path) == SECRET


def test_a_relative_file_is_below_the_workspace_and_an_absolute_one_is_where_it_says(tmp_path: Path) -> None:
    path = a_file(tmp_path / "key")
    assert resolve("file:key", tmp_path) == SECRET
    assert resolve(f"file:{path}", Path("/nowhere")) == SECRET


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    a_file(tmp_path / "key")
    assert resolve("file:~/key", Path("/nowhere")) == SECRET


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_one_line_end_after_the_secret_is_dropped(tmp_path: Path, end: bytes) -> None:
    a_file(tmp_path / "key", f" {SECRET} ".encode() + end)
    assert resolve("file:key", tmp_path) == f" {SECRET} "


def test_only_the_last_line_end_is_dropped(tmp_path: Path) -> None:
    a_file(tmp_path / "key", b"one\ntwo\n\n")
    assert resolve("file:key", tmp_path) == "one\ntwo\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o610])
def test_a_file_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = a_file(tmp_path / "key", mode=mode)
    with pytest.raises(Misconfigured) as refused:
        resolve("file:key", tmp_path)
    assert f"{mode:04o}" in refused.value.message
    assert refused.value.fix == f"chmod 600 {path}"
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    a_file(tmp_path / "key", mode=mode)
    assert resolve("file:key", tmp_path) == SECRET


@pytest.mark.parametrize("text", [SECRET, "", "ENV:X", "http://x", f"key={SECRET}", "env", "file"])
def test_what_is_no_reference_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        resolve(text, tmp_path)
    assert "env:" in refused.value.fix
    assert "file:" in refused.value.fix
    assert SECRET not in str(refused.value)
    assert problem(text)


@pytest.mark.parametrize("text", ["env:", "env:A B", "env:1A", "env:A=B", "file:", "file: ", "file:a\0b"])
def test_a_reference_to_nothing_is_refused(tmp_path: Path, text: str) -> None:
    assert problem(text)
    with pytest.raises(Misconfigured):
        resolve(text, tmp_path)


def test_a_good_form_is_no_problem_whether_the_secret_is_there_or_not() -> None:
    assert problem("env:NOT_SET_ANYWHERE") == ""
    assert problem("file:not/there") == ""


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STEERSMAN_TEST_KEY", raising=False)
    with pytest.raises(Misconfigured, match="STEERSMAN_TEST_KEY is not set"):
        resolve("env:STEERSMAN_TEST_KEY", tmp_path)
    with pytest.raises(Misconfigured, match="file:key"):
        resolve("file:key", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_secret_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    a_file(tmp_path / "key", content)
    monkeypatch.setenv("STEERSMAN_TEST_KEY", content.decode())
    for text in ("file:key", "env:STEERSMAN_TEST_KEY"):
        with pytest.raises(Misconfigured, match="is empty"):
            resolve(text, tmp_path)


def test_bytes_that_are_no_text_are_refused_without_quoting_them(tmp_path: Path) -> None:
    a_file(tmp_path / "key", SECRET.encode() + b"\xff")
    with pytest.raises(Misconfigured, match="not UTF-8") as refused:
        resolve("file:key", tmp_path)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_no_file_or_too_long_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    a_file(tmp_path / "long", b"x" * 65_537)
    for name, words in (("folder", "not a file"), ("pipe", "not a file"), ("long", "longer than")):
        with pytest.raises(Misconfigured, match=words):
            resolve(f"file:{name}", tmp_path)
