"""Front matter as values with places: YAML between dashes, TOML between pluses, or a JSON object."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from steersman.content.model.lines import Lines
from steersman.content.model.unreadable import DraftUnreadable, shown

if TYPE_CHECKING:
    from yaml import Node

MAX_KB: Final = 64
"""Front matter above this is refused before it is parsed: a parser may take minutes over a megabyte."""
MAX_DEPTH: Final = 40
_OPENING: Final = re.compile(r"\A\ufeff?(?P<fence>---|\+\+\+)[ \t]*(?:\r\n|\r|\n)|\A\ufeff?(?P<json>\{)(?=\s*[\"}])")
_CLOSE: Final = {
    "---": re.compile(r"(?:\A|(?<=[\r\n]))(?:---|\.\.\.)[ \t]*(?:\r\n|\r|\n|\Z)"),
    "+++": re.compile(r"(?:\A|(?<=[\r\n]))\+\+\+[ \t]*(?:\r\n|\r|\n|\Z)"),
}
_AFTER_JSON: Final = re.compile(r"[ \t]*(?:\r\n|\r|\n|\Z)")
_TOML_KEY: Final = re.compile(r"""(?:\A|(?<=[\r\n]))[ \t]*(?:"([^"\r\n]+)"|'([^'\r\n]+)'|([A-Za-z0-9_-]+))[ \t]*[=.]""")
_TOML_TABLE: Final = re.compile(r"(?:\A|(?<=[\r\n]))[ \t]*\[{1,2}[ \t]*([A-Za-z0-9_-]+)")
_TOML_PLACE: Final = re.compile(r"\(at line (\d+), column \d+\)")
_TOML_DEEP: Final = re.compile(rf"""(?:\A|(?<=[\r\n]))[ \t\[]*+(?:[A-Za-z0-9_"'-]*+[ \t]*+\.[ \t]*+){{{MAX_DEPTH},}}""")
"""Dots in a key nest as brackets do, and its parser takes the square of their number."""
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True):
    """The values in front of a draft.

    Attributes:
        values: by field.
        places: where each field's name stands, in code points of the file.
        end: first code point after it.
    """

    name: str
    lines: Lines
    values: dict[str, object]
    places: dict[str, tuple[int, int]]
    end: int

    def line(self, field: str) -> int:
        """Return the line of `field`; 1 if it is not there."""
        return self.lines.position(self.places[field][0])[0] if field in self.places else 1


def read_front_matter(text: str, name: str) -> FrontMatter:
    """Find and parse the front matter of `text`.

    Raises:
        DraftUnreadable: none, no end, too large, or not what its fence says; names the line.
    """
    opening = _OPENING.match(text)
    if opening is None:
        raise DraftUnreadable(
            name,
            "no front matter; a draft begins with a line of three dashes",
            line=1,
            fix="begin it with four lines: ---, title: My title, status: draft, ---",
        )
    reader = _Reader(text, name)
    if opening["json"]:
        return reader.json(opening.start("json"))
    fence = opening["fence"]
    closing = _CLOSE[fence].search(text, opening.end())
    if closing is None:
        kind = "dashes" if fence == "---" else "pluses"
        raise DraftUnreadable(
            name, "the front matter that begins here never ends", line=1, fix=f"end it with a line of three {kind}"
        )
    reader.check_size(closing.start() - opening.end())
    read = reader.yaml if fence == "---" else reader.toml
    return read(opening.end(), closing.start(), closing.end())


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._lines = Lines(text)

    def check_size(self, size: int) -> None:
        if size > MAX_KB * 1024:
            self._fail(
                f"the front matter is {-(-size // 1024)} KB, allowed: {MAX_KB} KB",
                1,
                fix="keep fields there, and move text below it",
            )

    def _fail(self, reason: str, line: int, *, fix: str, cause: BaseException | None = None) -> NoReturn:
        raise DraftUnreadable(self._name, reason, line=line, fix=fix) from cause

    def _line(self, offset: int) -> int:
        return self._lines.position(offset)[0]

    def _done(self, values: dict[str, object], places: dict[str, tuple[int, int]], end: int) -> FrontMatter:
        for field, value in values.items():
            # Escapes can write what no file may hold: half a character that no encoding takes, orders to a terminal.
            bad = next((found for text in _texts((field, value)) if (found := _NO_TEXT.search(text))), None)
            if bad is not None:
                self._fail(
                    f"{shown(field)[1:-1]}: found {shown(bad[0])}, allowed: text",
                    self._line(places[field][0]) if field in places else 1,
                    fix="take that character out",
                )
        return FrontMatter(name=self._name, lines=self._lines, values=values, places=places, end=end)

    def yaml(self, start: int, stop: int, end: int) -> FrontMatter:
        import yaml  # start-up time: only reading a draft needs it

        source = self._text[start:stop]
        places: dict[str, tuple[int, int]] = {}
        try:
            self._check_events(source, start)
            node = yaml.compose(source, Loader=yaml.SafeLoader)
            if node is None:
                return self._done({}, places, end)
            if not isinstance(node, yaml.MappingNode):
                self._fail("found no `field: value` lines in the front matter", 2, fix="write title: ...")
            values = dict(self._field(key, value, start, places) for key, value in node.value)
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            fix = "correct that line; text with a colon or a # needs quotes"
            if isinstance(exc, yaml.constructor.ConstructorError):
                fix = "write a plain value; tags (!!name) are not run here"
            self._fail(
                f"the front matter is not valid YAML: {exc.problem or exc.context}",
                self._line(start + mark.index) if mark else 1,
                fix=fix,
                cause=exc,
            )
        except (yaml.YAMLError, RecursionError) as exc:
            problem = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
            self._fail(
                f"the front matter is not valid YAML: {problem}", 2, fix="write plain `field: value` lines", cause=exc
            )
        return self._done(values, places, end)

    def _check_events(self, source: str, start: int) -> None:
        """Refuse what a few bytes can blow up: an alias stands for itself many times over, nesting eats the stack."""
        import yaml  # as above

        depth = 0
        for event in yaml.parse(source, Loader=yaml.SafeLoader):
            line = self._line(start + (event.start_mark.index if event.start_mark else 0))
            if isinstance(event, yaml.AliasEvent):
                self._fail("found a YAML alias (*name) in the front matter", line, fix="write the value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                self._fail(f"nested deeper than {MAX_DEPTH} levels", line, fix="write plain `field: value` lines")

    def _field(self, key: Node, value: Node, start: int, places: dict[str, tuple[int, int]]) -> tuple[str, object]:
        import yaml  # as above

        place = (start + key.start_mark.index, start + key.end_mark.index)
        line = self._line(place[0])
        if not isinstance(key, yaml.ScalarNode):
            self._fail("a field's name is one word", line, fix="write plain `field: value` lines")
        field = str(key.value)
        if field in places:
            self._fail(f"`{field}` stands twice", line, fix="take one of them out")
        places[field] = place
        try:
            return field, yaml.SafeLoader("").construct_document(value)
        except (ValueError, OverflowError) as exc:
            self._fail(f"{field}: {exc}", line, fix="correct the value, or put it in quotes", cause=exc)

    def toml(self, start: int, stop: int, end: int) -> FrontMatter:
        source = self._text[start:stop]
        deep = _TOML_DEEP.search(source)
        if deep is not None:
            line = self._line(start + deep.start())
            self._fail(f"nested deeper than {MAX_DEPTH} levels", line, fix='write plain field = "value" lines')
        try:
            # TOML knows no lone CR as a line end; a file that has them ends its lines with nothing else.
            values: dict[str, object] = tomllib.loads(source.replace("\r\n", "\n").replace("\r", "\n"))
        except tomllib.TOMLDecodeError as exc:
            place = _TOML_PLACE.search(str(exc))
            self._fail(
                f"the front matter is not valid TOML: {_TOML_PLACE.sub('', str(exc)).strip()}",
                self._line(start) - 1 + int(place[1]) if place else 2,
                fix='correct that line; text needs quotes: title = "..."',
                cause=exc,
            )
        except (ValueError, RecursionError) as exc:
            self._fail(
                f"the front matter is not valid TOML: {str(exc) or 'nested too deep'}",
                2,
                fix='write plain field = "value" lines',
                cause=exc,
            )
        return self._done(values, self._toml_places(start, stop, values), end)

    def _toml_places(self, start: int, stop: int, values: dict[str, object]) -> dict[str, tuple[int, int]]:
        table = _TOML_TABLE.search(self._text, start, stop)
        places: dict[str, tuple[int, int]] = {}
        for match in _TOML_KEY.finditer(self._text, start, table.start() if table else stop):
            group = next(i for i in (1, 2, 3) if match[i] is not None)
            if match[group] in values:
                places.setdefault(match[group], match.span(group))
        for match in _TOML_TABLE.finditer(self._text, start, stop):
            if match[1] in values:
                places.setdefault(match[1], match.span(1))
        return places

    def json(self, start: int) -> FrontMatter:
        limit = start + MAX_KB * 1024
        try:
            values, stop = json.JSONDecoder(object_pairs_hook=_once).raw_decode(self._text[:limit], start)
        except json.JSONDecodeError as exc:
            if len(self._text) > limit and exc.pos >= limit - 1:
                self.check_size(len(self._text))
            self._fail(
                f"the front matter is not valid JSON: {exc.msg}",
                self._line(exc.pos),
                fix="correct that line, or use ---, title: ..., ---",
                cause=exc,
            )
        except _Twice as exc:
            self._fail(f"`{exc}` stands twice", self._second(str(exc), start), fix="take one of them out", cause=exc)
        except (ValueError, RecursionError) as exc:
            self._fail(
                f"the front matter is not valid JSON: {str(exc) or 'nested too deep'}",
                1,
                fix="use ---, title: ..., ---",
                cause=exc,
            )
        after = _AFTER_JSON.match(self._text, stop)
        if after is None:
            line = self._line(stop)
            self._fail("text right after the front matter's last }", line, fix="begin the text on a line of its own")
        places = {}
        for field in values:
            at = self._text.find(json.dumps(field, ensure_ascii=False), start, stop)
            places[field] = (at + 1, at + 1 + len(field)) if at >= 0 else (start, start + 1)
        return self._done(values, places, after.end())

    def _second(self, field: str, start: int) -> int:
        quoted = json.dumps(field, ensure_ascii=False)
        first = self._text.find(quoted, start)
        return self._line(max(0, self._text.find(quoted, first + 1)))


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value; what is nested deeper than the parsers allow does not come here."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set)):
            waiting += one


class _Twice(Exception):
    """A key of an object stands twice."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen: dict[str, object] = {}
    for key, value in pairs:
        if key in seen:
            raise _Twice(shown(key)[1:-1])
        seen[key] = value
    return seen
