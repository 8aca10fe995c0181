"""Files that a Python script reads and writes, from its syntax tree; names are worked out where they are constant."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steersman.automation.adopt.touched import Direction, Seen, Touch, absolute

_READ_METHODS: Final = ("read_text", "read_bytes")
_WRITE_METHODS: Final = ("write_text", "write_bytes", "touch", "savefig", "tofile")
_READ_CALL: Final = re.compile(
    r"(pd|pandas|pl|polars|pq|feather|csv|orc|ipc|np|numpy|geopandas|gpd|joblib|pyarrow\.\w+|toml|tomllib)"
    r"\.(read_\w+|scan_\w+|load|loadtxt|genfromtxt|open_csv|ParquetFile)"
)
_WRITE_METHOD: Final = re.compile(
    r"to_(csv|parquet|feather|excel|json|pickle|hdf|stata|html|markdown|orc)|write_(csv|parquet|ipc|json|ndjson|excel"
    r"|delta|avro|table|feather|html|image)|sink_\w+|savetxt|savez\w*"
)
_FIRST_IS_FILE: Final = re.compile(r"(np|numpy)\.(save|savetxt|savez\w*)")
_SECOND_IS_FILE: Final = re.compile(r"(pq|feather|pyarrow\.\w+|csv)\.write_\w+|joblib\.dump")
_BOTH: Final = ("sqlite3.connect", "duckdb.connect", "shelve.open", "apsw.Connection")
_COPIES: Final = ("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "os.rename", "os.replace", "os.link")
_TARGETS: Final = ("path", "path_or_buf", "file", "where", "excel_writer", "fname")
_STARTS: Final = ("subprocess.", "os.system", "os.popen", "runpy.")


def read_python(text: str, script: Path, folder: Path, arguments: Sequence[str]) -> Seen:
    """Return what the script does; text that is not Python shows nothing, and may name files we cannot see."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return Seen(relative=True, starts=True)
    walk = _Walk(script, folder, arguments)
    for node in ast.walk(tree):
        # Constants first, wherever they stand: functions use what the module sets further down.
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            walk.assign(node.targets[0].id, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            walk.assign(node.target.id, node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            walk.call(node)
    return Seen(touches=tuple(dict.fromkeys(walk.touches)), relative=walk.relative, starts=walk.starts)


class _Walk:
    def __init__(self, script: Path, folder: Path, arguments: Sequence[str]) -> None:
        self._script = script
        self._folder = folder
        self._argv = (str(script), *arguments)
        self._values: dict[str, str | None] = {"__file__": str(script)}
        self.touches: list[Touch] = []
        self.relative = self.starts = False

    def assign(self, name: str, value: ast.expr) -> None:
        """Remember a constant; a name that is set twice to different things is none."""
        found = self._text(value)
        known = name in self._values
        self._values[name] = found if not known or self._values[name] == found else None

    def call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        method = name.rpartition(".")[2]
        if name in ("open", "io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"):
            self._opened(node, node.args[0] if node.args else _keyword(node, "file"), node.args[1:])
        elif method == "open" and isinstance(node.func, ast.Attribute) and self._text(node.func.value) is not None:
            self._opened(node, node.func.value, node.args)
        elif method in _READ_METHODS and isinstance(node.func, ast.Attribute):
            self._touch(node, "reads", node.func.value)
        elif method in _WRITE_METHODS[:3] and isinstance(node.func, ast.Attribute):
            self._touch(node, "writes", node.func.value)
        elif name in _BOTH and node.args:
            self._touch(node, "reads", node.args[0])
            self._touch(node, "writes", node.args[0])
        elif name in _COPIES and len(node.args) > 1:
            self._touch(node, "reads", node.args[0])
            self._touch(node, "writes", node.args[1])
        elif name.startswith(_STARTS):
            self.relative = self.starts = True
        elif name in ("glob.glob", "os.listdir", "os.walk", "os.chdir"):
            self.relative = True
        else:
            self._frame(node, name, method)

    def _frame(self, node: ast.Call, name: str, method: str) -> None:
        """Tables and arrays: pandas, polars, pyarrow, numpy, joblib, matplotlib."""
        if _READ_CALL.fullmatch(name) and name not in ("toml.load", "tomllib.load") and node.args:
            self._touch(node, "reads", node.args[0])
        elif _SECOND_IS_FILE.fullmatch(name) and len(node.args) > 1:
            self._touch(node, "writes", node.args[1])
        elif (_FIRST_IS_FILE.fullmatch(name) or _WRITE_METHOD.fullmatch(method) or method in _WRITE_METHODS) and (
            node.args or node.keywords
        ):
            target = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg in _TARGETS), None)
            if target is not None:
                self._touch(node, "writes", target)

    def _opened(self, node: ast.Call, file: ast.expr | None, rest: Sequence[ast.expr]) -> None:
        mode = rest[0] if rest else _keyword(node, "mode")
        letters = mode.value if isinstance(mode, ast.Constant) and isinstance(mode.value, str) else "r"
        if file is None or (isinstance(file, ast.Constant) and isinstance(file.value, int)):
            return
        if "r" in letters or "+" in letters:
            self._touch(node, "reads", file)
        if set(letters) & set("wax+"):
            self._touch(node, "writes", file)

    def _touch(self, node: ast.Call, direction: Direction, file: ast.expr) -> None:
        name = self._text(file)
        if name is None:
            self.relative = True
            return
        if "://" in name or not name.strip():
            return
        if not name.startswith("/"):
            self.relative = True
        where = f"{self._script.name}:{node.lineno}"
        self.touches.append(Touch(direction=direction, path=absolute(name, self._folder), where=where))

    def _text(self, node: ast.expr) -> str | None:
        """Return the path or text that `node` always is, None if that depends on something."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self._values.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            left, right = self._text(node.left), self._text(node.right)
            if left is None or right is None:
                return None
            return str(Path(left) / right) if isinstance(node.op, ast.Div) else left + right
        if isinstance(node, ast.JoinedStr):
            return self._joined(node)
        if isinstance(node, ast.Attribute):
            base = self._text(node.value)
            return str(Path(base).parent) if base is not None and node.attr == "parent" else None
        if isinstance(node, ast.Subscript):
            return self._item(node)
        return self._made(node) if isinstance(node, ast.Call) else None

    def _joined(self, node: ast.JoinedStr) -> str | None:
        parts = [
            self._text(part.value)
            if isinstance(part, ast.FormattedValue) and part.format_spec is None
            else part.value
            if isinstance(part, ast.Constant)
            else None
            for part in node.values
        ]
        return None if None in parts else "".join(str(part) for part in parts)

    def _item(self, node: ast.Subscript) -> str | None:
        """`sys.argv[1]` and `path.parents[2]`."""
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)):
            return None
        index = node.slice.value
        if _dotted(node.value) == "sys.argv" and 0 <= index < len(self._argv):
            return self._argv[index]
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            base = self._text(node.value.value)
            parents = Path(base).parents if base is not None else ()
            return str(parents[index]) if 0 <= index < len(parents) else None
        return None

    def _made(self, node: ast.Call) -> str | None:
        """`Path(...)`, `os.path.join(...)`, and what keeps a path the same file."""
        name = _dotted(node.func)
        parts = [self._text(argument) for argument in node.args]
        if name in ("Path", "pathlib.Path", "PurePath", "os.path.join", "str", "os.fspath") and parts:
            return None if None in parts else str(Path(*[p for p in parts if p is not None]))
        if name == "os.path.dirname" and parts and parts[0] is not None:
            return str(Path(parts[0]).parent)
        if name in ("os.path.abspath", "os.path.realpath", "os.path.expanduser") and parts:
            return parts[0]
        if isinstance(node.func, ast.Attribute):
            base = self._text(node.func.value)
            if base is None:
                return None
            if node.func.attr in ("resolve", "absolute", "expanduser"):
                return base
            if node.func.attr == "joinpath" and None not in parts:
                return str(Path(base, *[p for p in parts if p is not None]))
            if node.func.attr == "with_suffix" and parts and parts[0] is not None:
                return str(Path(base).with_suffix(parts[0])) if Path(base).name else None
        return None


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in node.keywords if k.arg == name), None)


def _dotted(node: ast.expr) -> str:
    """Return `a.b.c` of a chain of names, with `?` for what is not a name."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def imported_modules(text: str) -> set[str]:
    """Return the first part of each module that Python `text` imports; empty if it is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").partition(".")[0], *(a.name for a in node.names if node.level)}
    return found


def only_defines(text: str) -> bool:
    """Say whether a Python file does nothing when it is run: imports, constants, functions and classes, no main."""
    try:
        tree: ast.Module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    quiet = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return all(
        isinstance(node, quiet) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    ) and not any(isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) for n in tree.body)
