"""A Markdown text as one HTML page."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from churn_pipeline.reporting.templates import html_templates

_VERDICTS = ("PASS", "FAIL")
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


def render_page(markdown: str) -> str:
    """Render Markdown (CommonMark with tables) as a page that needs nothing but its pictures.

    Raw HTML in the Markdown is shown, not obeyed. Headings of the second level make the contents
    list; a paragraph of pictures alone becomes figures with the pictures' titles as captions.

    Parameters
    ----------
    markdown : str
        Its first heading is the page's title.

    Returns
    -------
    str
    """
    tokens = _PARSER.parse(markdown)
    contents = _add_anchors(tokens)
    _mark_numbers(tokens)
    _mark_verdicts(tokens)
    body = _PARSER.renderer.render(_framed(tokens), _PARSER.options, {})
    title = next((_text(after) for token, after in _pairs(tokens) if token.tag == "h1"), "")
    page = html_templates().get_template("page.html.j2")
    return page.render(title=title, contents=contents, body=Markup(body))


def _pairs(tokens: Sequence[Token]) -> list[tuple[Token, Token]]:
    """Return every heading's opening token with the token of its text."""
    return [
        (token, tokens[index + 1])
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def _text(inline: Token) -> str:
    return _PARSER.renderer.renderInlineAsText(inline.children, _PARSER.options, {})


def _add_anchors(tokens: Sequence[Token]) -> dict[str, str]:
    contents: dict[str, str] = {}
    for token, after in _pairs(tokens):
        if token.tag == "h2":
            title = _text(after)
            anchor = re.sub(r"\W+", "-", title.lower()).strip("-") or "section"
            while anchor in contents:
                anchor += "-"
            token.attrSet("id", anchor)
            contents[anchor] = title
    return contents


def _mark_numbers(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "number")


def _mark_verdicts(tokens: Sequence[Token]) -> None:
    for token in tokens:
        children = token.children or []
        for opening, text in zip(children, children[1:], strict=False):
            if opening.type == "strong_open" and text.content in _VERDICTS:
                opening.attrSet("class", text.content.lower())


def _framed(tokens: Sequence[Token]) -> list[Token]:
    """Put tables in frames that scroll, and pictures in figures."""
    framed: list[Token] = []
    skip = 0
    for index, token in enumerate(tokens):
        if skip:
            skip -= 1
        elif token.type == "table_open":
            framed += [_html('<div class="table">\n'), token]
        elif token.type == "table_close":
            framed += [token, _html("</div>\n")]
        elif token.type == "paragraph_open" and (pictures := _pictures(tokens[index + 1])):
            framed.append(_html(_figures(pictures)))
            skip = 2  # the paragraph's content and its end
        else:
            framed.append(token)
    return framed


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _pictures(inline: Token) -> list[Token]:
    children = [child for child in inline.children or [] if child.type != "softbreak"]
    return children if all(child.type == "image" for child in children) else []


def _figures(pictures: Sequence[Token]) -> str:
    figure = Markup(
        '<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>\n'
    )
    inside = Markup("").join(
        figure.format(picture.attrs["src"], _text(picture), picture.attrs.get("title", ""))
        for picture in pictures
    )
    return f'<div class="figures">\n{inside}</div>\n'
