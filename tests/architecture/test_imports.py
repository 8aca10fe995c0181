"""What may import what, where import-linter cannot say it: an allow list for pure code, and a light core process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "steersman"
# import-linter's `forbidden` is a deny list; pure code gets an allow list, so that a new I/O library is caught too.
PURE_STDLIB = {
    "__future__",
    "abc",
    "base64",
    "bisect",
    "collections",
    "concurrent",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "graphlib",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "importlib",
    "io",
    "itertools",
    "json",
    "linecache",
    "math",
    "operator",
    "os",
    "random",
    "re",
    "shlex",
    "statistics",
    "string",
    "struct",
    "textwrap",
    "threading",
    "time",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "zoneinfo",
}
PURE_PACKAGES = {
    "kernel": {"msgspec"},
    "policy": {"msgspec"},
    "trading/model": {"msgspec"},
    "trading/gate": {"msgspec", "polars"},
    "content/model": {"msgspec", "markdown_it", "mdit_py_plugins", "yaml", "frontmatter"},
    "content/slots": {"msgspec", "numpy", "scipy", "csv"},
    "automation/model": {"msgspec", "cronsim"},
}

# The one place below the parts that reads anything: secrets are named in settings of every part, and stand in files.
EDGES = {"kernel/references.py": {"pathlib", "stat"}, "kernel/whole_file.py": {"pathlib"}}


def imported_roots(path: Path) -> set[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


def offenders(part: str) -> list[str]:
    allowed = PURE_STDLIB | PURE_PACKAGES[part] | {"steersman"}
    return [
        f"{name} imports {', '.join(sorted(extra))}"
        for path in sorted((SOURCE / part).rglob("*.py"))
        if (extra := imported_roots(path) - allowed - EDGES.get(name := path.relative_to(SOURCE).as_posix(), set()))
    ]


@pytest.mark.parametrize("part", sorted(PURE_PACKAGES))
def test_pure_code_imports_only_what_is_allowed(part: str) -> None:
    assert (SOURCE / part).is_dir()
    assert offenders(part) == []


def test_the_allow_list_catches_a_planted_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "kernel"
    planted.mkdir()
    (planted / "sneaky.py").write_text("import httpx\n", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    assert offenders("kernel") == ["kernel/sneaky.py imports httpx"]


def test_the_core_process_loads_no_web_orchestrator_frames_engine_of_prose_model_or_console() -> None:
    code = "import sys, steersman.bootstrap.core; print('\\n'.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "fastapi",
        "starlette",
        "uvicorn",
        "dbos",
        "sqlalchemy",
        "polars",
        "pandas",
        "numpy",
        "harper",
        "httpx2",
        "jinja2",
        "lt_py",
        "markdown_it",
        "pydantic_ai",
        "scipy",
        "typer",
        "matplotlib",
    }
    assert heavy & {name.split(".")[0] for name in loaded} == set()
    parts = ("console", "cli", "ai.adapters", "automation.adapters", "content.adapters", "content.qa", "content.slots")
    assert not [n for n in loaded if n.startswith(tuple(f"steersman.{part}" for part in parts))]


def test_help_imports_no_framework() -> None:
    code = "import sys\nfrom steersman.cli.main import usage\nusage()\nprint('\\n'.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"typer", "rich", "msgspec", "polars"} & set(loaded) == set()
