from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from churn_pipeline.reporting.templates import code_span, escape_markdown, markdown_templates
from tests.sizes import examples

PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
TEXTS = st.text(alphabet="ab1 .)<>&|`*_[]()#+-=~!\\\"'\n:$", max_size=12)


def shown(markdown: str) -> list[tuple[str, str]]:
    """Kinds and texts of everything within the first paragraph or cell."""
    inline = next(token for token in PARSER.parse(markdown) if token.type == "inline")
    return [(child.type, child.content) for child in inline.children or []]


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS.filter(str.strip))
def test_an_escaped_text_is_shown_letter_by_letter(text: str) -> None:
    children = shown(str(escape_markdown(text.strip())))
    assert {kind for kind, _ in children} <= {"text", "text_special"}
    assert "".join(content for _, content in children) == " ".join(text.split())


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS)
def test_an_escaped_text_is_one_cell_of_a_table(text: str) -> None:
    tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {escape_markdown(text)} | end |\n")
    cells = [t.content for t in tokens if t.type == "inline"]
    assert len(cells) == 4
    assert cells[-1] == "end"


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS.filter(str.strip))
def test_a_code_span_holds_the_text(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {code_span(text)} | end |\n"
    cells = [t for t in PARSER.parse(table) if t.type == "inline"]
    (child,) = cells[2].children or []
    assert (child.type, child.content.strip()) == ("code_inline", " ".join(text.split()))
    assert cells[3].content == "end"


def test_a_template_never_writes_none() -> None:
    with pytest.raises(ValueError, match="None"):
        markdown_templates().from_string("{{ value }}").render(value=None)
