"""Requests that Python makes by running curl: `subprocess.run(["curl", "-s", address])`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

from steersman.automation.audit.endpoints import literal
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_text import evaluate
from steersman.automation.audit.shell_requests import CURL_BODY, CURL_LONG, CURL_VALUED

_RUNS: Final = re.compile(r"^subprocess\.(run|call|check_call|check_output)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """What a list of words asks curl for: address and verb, whether it ends and tries again by itself."""

    url: ast.expr
    verb: str
    limited: bool
    retried: bool


def curl(module: Module, call: ast.Call) -> Curl | None:
    """Return the request that `call` makes by running curl; None if it runs something else, or a text."""
    if not _RUNS.match(module.resolve(call.func).name) or not call.args:
        return None
    listed = module.value_of(call.args[0]) if isinstance(call.args[0], ast.Name) else call.args[0]
    if not isinstance(listed, ast.List | ast.Tuple) or any(isinstance(e, ast.Starred) for e in listed.elts):
        return None
    words = [(e, _start(module, e)) for e in listed.elts]
    if not words or words[0][1].rpartition("/")[2] != "curl":
        return None
    options, urls = _parted(words[1:])
    if len(urls) != 1:
        return None
    return Curl(
        url=urls[0],
        verb=_verb(module, options),
        limited=bool({"-m", "--max-time"} & set(options)),
        retried="--retry" in options,
    )


def _start(module: Module, node: ast.expr) -> str:
    text = evaluate(module, node)
    return text[0] if text and isinstance(text[0], str) else ""


def _parted(words: list[tuple[ast.expr, str]]) -> tuple[dict[str, ast.expr | None], list[ast.expr]]:
    """Part the words into options with their values, and addresses."""
    options: dict[str, ast.expr | None] = {}
    urls: list[ast.expr] = []
    left = list(words)
    while left:
        node, text = left.pop(0)
        if text.startswith("--"):
            options[text] = left.pop(0)[0] if text in CURL_LONG and left else None
        elif text.startswith("-") and len(text) > 1:
            for place, letter in enumerate(text[1:], 1):
                takes = letter in CURL_VALUED
                options[f"-{letter}"] = left.pop(0)[0] if takes and place == len(text) - 1 and left else None
                if takes:
                    break
        else:
            urls.append(node)
    named = options.get("--url")
    return options, [*urls, named] if named is not None else urls


def _verb(module: Module, options: dict[str, ast.expr | None]) -> str:
    named = options.get("-X") or options.get("--request")
    if named is not None:
        return (literal(evaluate(module, named)) or "").lower()
    if {"-T", "--upload-file"} & set(options):
        return "put"
    if set(CURL_BODY) & set(options) and not {"-G", "--get"} & set(options):
        return "post"
    return "head" if {"-I", "--head"} & set(options) else "get"
