"""Markdown to safe HTML, the same for every channel that shows a body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

# One that is never closed ends with its block: what was meant to be hidden must not be shown.
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


def to_html(markdown: str, images: Mapping[str, str] | None = None) -> str:
    """Render Markdown; comments vanish, any other HTML in it is shown as text, and unsafe link schemes stay text.

    Args:
        images: where an image is shown from, by the name the Markdown gives it; others keep their address.
    """
    rendered: str = _markdown().render(markdown, {"images": images or {}})
    return rendered


def images_in(markdown: str) -> list[str]:
    """Return the names of the images that `markdown` shows, in order, each once."""
    found: dict[str, None] = {}
    for block in _markdown().parse(markdown):
        found |= dict.fromkeys(_name(token) for token in block.children or () if token.type == "image")
    return list(found)


def _name(token: Token) -> str:
    # The parser percent-encodes what an address may not hold; a file is called by its name.
    return unquote(str(token.attrs.get("src", "")))


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt  # start-up time: only publishing needs it
    from markdown_it.common.utils import escapeHtml
    from markdown_it.renderer import RendererHTML

    # HTML is recognised so that comments can be told from it; the rule below lets none of it through.
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def text(self: object, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
        return escapeHtml(_COMMENT.sub("", tokens[index].content))

    def image(self: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]) -> str:
        token, images = tokens[index], env.get("images")
        if images:
            token.attrs["src"] = images.get(_name(token), token.attrs.get("src", ""))
        return as_usual.image(tokens, index, options, env)

    as_usual = RendererHTML()
    parser.add_render_rule("html_block", text)
    parser.add_render_rule("html_inline", text)
    parser.add_render_rule("image", image)
    return parser
