"""TOML with an answer to "where?": every refusal names file, line, field, what was found and what is allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec

from steersman.kernel.errors import Misconfigured

T = TypeVar("T")

_TABLE = re.compile(r"^\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(
    r"""(?:^|[,{])\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")
_PATH = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


class TomlFile:
    """A parsed TOML file that remembers on which line each key stands."""

    def __init__(self, text: str, *, name: str) -> None:
        """Parse `text`; `name` is how errors call the file.

        Raises:
            Misconfigured: not TOML; names the line.
        """
        self.name = name
        self.text = text
        try:
            self.data: dict[str, object] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise Misconfigured(f"{name}: not valid TOML: {exc}", fix=f"correct that line of {name}") from exc
        self._lines = _key_lines(text)

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """Return the 1-based line where `path` (or its nearest parent that is written out) stands."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def get(self, *path: str) -> object:
        """Return the raw value at `path`, or None."""
        here: object = self.data
        for part in path:
            if not isinstance(here, Mapping) or part not in here:
                return None
            here = here[part]
        return here

    def section(self, path: tuple[str, ...], kind: type[T], *, raw: object = None) -> T:
        """Decode the table at `path` (an absent one is an empty table) into `kind`, refusing unknown fields.

        Raises:
            Misconfigured: names file, line, field, what was found and what is allowed.
        """
        value = raw if raw is not None else self.get(*path)
        if get_origin(kind) is dict and isinstance(value, Mapping):
            # One member at a time: msgspec's own path says `[...]` for a mapping's key, and the key is what matters.
            member = get_args(kind)[1]
            return cast(T, {key: self.section((*path, key), member, raw=inner) for key, inner in value.items()})
        try:
            return msgspec.convert({} if value is None else value, kind, strict=True, dec_hook=_decode_extra)
        except msgspec.ValidationError as exc:
            raise self._explain(path, kind, str(exc)) from exc

    def kind_type(self, path: tuple[str, ...], type_of: Callable[[str], type[T]], example: str) -> type[T]:
        """Return the settings type that the table at `path` chooses by its `kind`.

        Raises:
            Misconfigured: there is no `kind`, or `type_of` does not know it; names the line.
        """
        kind = self.get(*path, "kind")
        if not isinstance(kind, str):
            raise self.error(path, "`kind` is missing", fix=f'write e.g. kind = "{example}"')
        try:
            return type_of(kind)
        except Misconfigured as exc:
            raise self.error((*path, "kind"), exc.message, fix=exc.fix) from exc

    def error(self, path: tuple[str, ...], problem: str, *, fix: str) -> Misconfigured:
        """Return the refusal of the value at `path`, placed: `file:line: [table] field: problem (found ...)`."""
        line = self.line_of(path)
        place = f"{self.name}:{line}" if line else self.name
        return Misconfigured(f"{place}: {'.'.join(path)}: {problem}", fix=fix)

    def _found(self, path: tuple[str, ...]) -> object:
        """Return the raw value at `path`, where a number is a place in a list; None if there is none."""
        here: object = self.data
        for part in path:
            if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
                here = here[int(part)]
            elif isinstance(here, Mapping):
                here = here.get(part)
            else:
                return None
        return here

    def _rewritten(self, problem: str, found: object) -> str:
        """Return how to write `found` where only its form is wrong."""
        if problem.startswith("Expected `array`") and isinstance(found, str):
            return f'write ["{found}"]'
        if problem.startswith("Expected `str`") and isinstance(found, int | float) and not isinstance(found, bool):
            return f'put it in quotes, with its unit if it has one: "{found}"'
        return f"change the value in {self.name}"

    def _explain(self, path: tuple[str, ...], kind: type[T], message: str) -> Misconfigured:
        where = _PATH.search(message)
        inner = tuple(p for p in re.split(r"[.\[\]]+", where.group(1)) if p and p != "...") if where else ()
        plain = _PATH.sub("", message)
        full = path + inner
        unknown = _UNKNOWN.search(message)
        if unknown:
            allowed = _field_names(kind, inner)
            near = difflib.get_close_matches(unknown.group(1), allowed, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "remove it"
            return self.error(
                (*full, unknown.group(1)),
                f"unknown field; allowed here: {', '.join(allowed) or 'nothing'}",
                fix=f"{hint} (fields of [{'.'.join(full)}])" if near else f"remove `{unknown.group(1)}` or rename it",
            )
        missing = _MISSING.search(message)
        if missing:
            return self.error(
                full, f"`{missing.group(1)}` is missing", fix=f"add `{missing.group(1)} = ...` to [{'.'.join(full)}]"
            )
        found = self._found(full)
        if words := _allowed_words(kind, inner) if plain.startswith("Invalid enum value") else ():
            near = difflib.get_close_matches(str(found), words, n=1)
            return self.error(
                full,
                f"invalid enum value {found!r}; allowed: {', '.join(words)}",
                fix=f'did you mean "{near[0]}"?' if near else self._rewritten(plain, found),
            )
        return self.error(full, f"{plain[0].lower()}{plain[1:]}; found {found!r}", fix=self._rewritten(plain, found))


def _decode_extra(kind: type, value: object) -> object:
    if kind is bytes:  # pragma: no cover - no setting is bytes
        return str(value).encode()
    raise NotImplementedError(f"no setting may have the type {kind}")


def _field_names(kind: object, inner: tuple[str, ...]) -> list[str]:
    """Return the TOML names of the struct found by walking `inner` from `kind`; mappings take any one name."""
    here = _walked(kind, inner)
    if isinstance(here, type) and issubclass(here, msgspec.Struct):
        return [f.encode_name for f in msgspec.structs.fields(here)]
    return []


def _allowed_words(kind: object, inner: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that the field found by walking `inner` from `kind` may be; empty if it is not of that sort."""
    here = _walked(kind, inner)
    literal = next((choice for choice in (here, *get_args(here)) if get_origin(choice) is Literal), None)
    return tuple(word for word in get_args(literal) if isinstance(word, str) and word)


def _walked(kind: object, inner: tuple[str, ...]) -> object:
    here: object = kind
    for part in inner:
        if isinstance(here, type) and issubclass(here, msgspec.Struct):
            here = next((f.type for f in msgspec.structs.fields(here) if f.encode_name == part), None)
        else:
            arguments = [a for a in get_args(here) if a not in (type(None), Ellipsis)]
            here = arguments[-1] if arguments else None
        members = [a for a in get_args(here) if isinstance(a, type) and issubclass(a, msgspec.Struct)]
        if len(members) == 1 and not isinstance(here, type) and get_origin(here) in (Union, UnionType):
            here = members[0]
    return here


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _TABLE.match(line)
        if header and "=" not in line.split("#")[0]:
            table = _split(header.group(1))
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
            lines[table] = number
            continue
        for index, key in enumerate(_KEY.findall(line.split(" #")[0])):
            # Keys of an inline table belong to the key that opened the line; several on one line share its number.
            path = (*table, *_split(key))
            lines.setdefault(path, number)
            if index == 0:
                opener = path
            else:
                lines.setdefault((*opener, *_split(key)), number)
    return lines
