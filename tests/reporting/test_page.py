from __future__ import annotations

import base64
import re

import pytest
from matplotlib.figure import Figure

from churn_pipeline.reporting.drawing import DPI
from churn_pipeline.reporting.embedding import css_size, png
from churn_pipeline.reporting.page import render_page


def picture(width: float = 4.0) -> bytes:
    return png(Figure(figsize=(width, 3), dpi=DPI))


def test_raw_html_is_shown_not_obeyed() -> None:
    page = render_page("# A <b>card</b>\n\n<script>alert(1)</script>\n")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>A &lt;b&gt;card&lt;/b&gt;</title>" in page


def test_every_heading_of_the_second_level_begins_a_fold() -> None:
    page = render_page("# A\n\nfirst\n\n## How & why\n\none\n\n### Not me\n\n## How, why\n\ntwo\n")
    folds = re.findall(r"<details>(.*?)</details>", page, re.DOTALL)
    assert len(folds) == 2
    assert "<summary><h2>How &amp; why</h2></summary>" in folds[0]
    assert "<h3>Not me</h3>" in folds[0]
    assert '<div id="how-why">' in folds[0]
    assert '<div id="how-why-">' in folds[1]
    assert "first" in page.partition("<details>")[0]


def test_the_first_table_becomes_key_figures() -> None:
    page = render_page(
        "# A\n\n| At a glance | | |\n|---|---|---|\n| Profit | **5 €** [4, 6] | a year |\n"
    )
    assert "<table" not in page
    assert "<dt>Profit</dt><dd><strong>5 €</strong> [4, 6]</dd><dd>a year</dd>" in page


def test_pictures_alone_become_figures_that_the_page_holds() -> None:
    drawn = {"a": picture(), "b": picture(9), "c": picture()}
    text = '# A\n\n## B\n\n![a](a.png "one")\n![b](x/b.png "t<o")\n\nSee ![c](c.png) here.\n'
    page = render_page(text, **drawn)
    assert page.count("<figure>") == 1
    assert page.count('<figure class="wide">') == 1
    assert "<figcaption>t&lt;o</figcaption>" in page
    held = re.findall(r'<img src="data:image/png;base64,([^"]+)"[^>]* alt="(.)"', page)
    assert {alt: base64.b64decode(data) for data, alt in held} == drawn
    assert 'width="384" height="288"' in page
    assert ".png" not in page


def test_a_picture_that_is_not_given_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"a\.png, which is not given"):
        render_page("![a](a.png)")


def test_tables_scroll_numbers_are_marked_and_cells_name_their_column() -> None:
    page = render_page("# A\n\n## B\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n")
    assert re.search(r'<div class="table"[^>]*tabindex="0"[^>]*>\n<table role="table">', page)
    assert '<td class="number" role="cell" data-label="b">2</td>' in page
    assert "style=" not in page


def test_only_png_pictures_have_a_size() -> None:
    assert css_size(picture(5)) == (480, 288)
    with pytest.raises(ValueError, match="not a PNG"):
        css_size(b"GIF89a")


def test_equal_figures_give_equal_bytes() -> None:
    assert picture() == picture()
