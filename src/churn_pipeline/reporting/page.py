"""A Markdown text as one HTML file: a first screen, and sections that unfold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from churn_pipeline.reporting.embedding import css_size, data_uri
from churn_pipeline.reporting.templates import anchor, html_templates

_VERDICTS = ("PASS", "FAIL")
_WIDE = 600  # CSS pixels, from which a picture scrolls on a telephone instead of shrinking
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_RENDERER = RendererHTML()


@dataclass(frozen=True)
class _Section:
    title: str
    anchor: str
    body: Markup


def render_page(markdown: str, **pictures: bytes) -> str:
    """Render Markdown (CommonMark with tables) as a page that needs no other file.

    Raw HTML in the Markdown is shown, not obeyed. What comes before the first heading of the second
    level is the first screen: its first table becomes key figures (a label, a value and a note a
    row), its pictures are next to the rest. Every heading of the second level begins a section
    that unfolds. A paragraph of pictures alone becomes figures with the pictures' titles as
    captions.

    Parameters
    ----------
    markdown : str
        Its first heading is the page's title.
    pictures : bytes
        The PNG files that it shows, by their names without the ending.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it shows a picture that is not given.
    """
    tokens = _PARSER.parse(markdown)
    _mark_tables(tokens)
    _mark_verdicts(tokens)
    _embed(tokens, pictures)
    starts = [i for i, token in enumerate(tokens) if _is_heading(token, "h2")]
    first = tokens[: starts[0]] if starts else tokens
    figures = [i for i, token in enumerate(first) if _is_figures(first, i)]
    end = figures[0] if figures else len(first)
    table = next((i + 1 for i, token in enumerate(first) if token.type == "table_close"), 0)
    title = next((i for i, token in enumerate(first) if _is_heading(token, "h1")), None)
    page = html_templates().get_template("card.html.j2")
    return page.render(
        title="" if title is None else _text(first[title + 1]),
        head=_render(_key_figures(first[:table])),
        actions=_render(first[table:end]),
        figures=_render(first[end:]),
        sections=_sections(tokens, starts),
    )


def _is_heading(token: Token, tag: str) -> bool:
    return token.type == "heading_open" and token.tag == tag


def _sections(tokens: Sequence[Token], starts: Sequence[int]) -> list[_Section]:
    sections: list[_Section] = []
    for start, end in pairwise([*starts, len(tokens)]):
        title = _text(tokens[start + 1])
        address = anchor(title)
        while any(address == section.anchor for section in sections):
            address += "-"
        body = _render(tokens[start + 3 : end])  # after the heading, its text and its end
        sections.append(_Section(title, address, body))
    return sections


def _render(tokens: Sequence[Token]) -> Markup:
    return Markup(_RENDERER.render(_framed(tokens), _PARSER.options, {}))


def _text(inline: Token) -> str:
    return _RENDERER.renderInlineAsText(inline.children or [], _PARSER.options, {})


def _mark_tables(tokens: Sequence[Token]) -> None:
    """Name the roles of cells, which stay when a narrow screen stacks them, and their columns."""
    roles = {"table": "table", "tr": "row", "th": "columnheader", "td": "cell"}
    heads: list[str] = []
    column = 0
    for index, token in enumerate(tokens):
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "number")
        if token.nesting == 1 and token.tag in roles:
            token.attrSet("role", roles[token.tag])
        if token.type == "table_open":
            heads = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open":
            heads.append(_text(tokens[index + 1]))
        elif token.type == "td_open":
            token.attrSet("data-label", heads[column])
            column += 1


def _mark_verdicts(tokens: Sequence[Token]) -> None:
    for token in tokens:
        children = token.children or []
        for opening, text in pairwise(children):
            if opening.type == "strong_open" and text.content in _VERDICTS:
                opening.attrSet("class", text.content.lower())


def _embed(tokens: Sequence[Token], pictures: Mapping[str, bytes]) -> None:
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                name = PurePosixPath(str(child.attrs["src"])).stem
                if name not in pictures:
                    raise ValueError(f"the page shows {child.attrs['src']}, which is not given")
                width, height = css_size(pictures[name])
                child.attrs |= {"src": data_uri(pictures[name]), "width": width, "height": height}


def _framed(tokens: Sequence[Token]) -> list[Token]:
    """Put tables in frames that scroll, and pictures in figures."""
    framed: list[Token] = []
    skip = 0
    for index, token in enumerate(tokens):
        if skip:
            skip -= 1
        elif token.type == "table_open":
            framed += [_html('<div class="table" role="region" tabindex="0" aria-label="Table">\n')]
            framed += [token]
        elif token.type == "table_close":
            framed += [token, _html("</div>\n")]
        elif _is_figures(tokens, index):
            framed.append(_html(_figures(_pictures(tokens[index + 1]))))
            skip = 2  # the paragraph's content and its end
        else:
            framed.append(token)
    return framed


def _key_figures(tokens: Sequence[Token]) -> list[Token]:
    """Turn the table at the end into a list of labels, values and notes."""
    start = next((i for i, token in enumerate(tokens) if token.type == "table_open"), len(tokens))
    rows: list[list[str]] = []
    for index, token in enumerate(tokens[start:], start):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "td_open":
            cell = _RENDERER.renderInline(tokens[index + 1].children or [], _PARSER.options, {})
            rows[-1].append(cell)
    items = "".join(
        f"<div><dt>{row[0]}</dt>{''.join(f'<dd>{cell}</dd>' for cell in row[1:])}</div>\n"
        for row in rows
        if row
    )
    return [*tokens[:start], _html(f'<dl class="key">\n{items}</dl>\n')] if items else list(tokens)


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _is_figures(tokens: Sequence[Token], index: int) -> bool:
    return tokens[index].type == "paragraph_open" and bool(_pictures(tokens[index + 1]))


def _pictures(inline: Token) -> list[Token]:
    children = [child for child in inline.children or [] if child.type != "softbreak"]
    return children if all(child.type == "image" for child in children) else []


def _figures(pictures: Sequence[Token]) -> str:
    figure = Markup(
        '<figure{0}><div{1}><img src="{2}" width="{3}" height="{4}" alt="{5}"></div>'
        "<figcaption>{6}</figcaption></figure>\n"
    )
    inside = Markup("")
    for picture in pictures:
        width, height = int(picture.attrs["width"]), int(picture.attrs["height"])
        wide = width > _WIDE
        inside += figure.format(
            Markup(' class="wide"' if wide else ""),
            Markup(' role="region" tabindex="0" aria-label="Picture"' if wide else ""),
            Markup(picture.attrs["src"]),
            width,
            height,
            _text(picture),
            picture.attrs.get("title", ""),
        )
    return f'<div class="figures">\n{inside}</div>\n'
