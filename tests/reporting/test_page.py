from __future__ import annotations

from churn_pipeline.reporting.page import render_page


def test_raw_html_is_shown_not_obeyed() -> None:
    page = render_page("# A <b>card</b>\n\n<script>alert(1)</script>\n")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>A &lt;b&gt;card&lt;/b&gt;</title>" in page


def test_contents_link_to_the_headings_of_the_second_level() -> None:
    page = render_page("# A\n\n## How & why\n\n### Not me\n\n## How, why\n")
    assert '<a href="#how-why">How &amp; why</a>' in page
    assert '<a href="#how-why-">How, why</a>' in page
    assert page.count("<h2 id=") == 2
    assert "Not me</a>" not in page


def test_pictures_alone_become_figures_others_stay_in_their_line() -> None:
    page = render_page('![a](a.png "one")\n![b](b.png "t<o")\n\nSee ![c](c.png) here.\n')
    assert page.count("<figure>") == 2
    assert "<figcaption>t&lt;o</figcaption>" in page
    assert '<img src="c.png" alt="c"' in page


def test_tables_scroll_and_numbers_are_marked() -> None:
    page = render_page("| a | b |\n|---|---:|\n| 1 | 2 |\n")
    assert '<div class="table">\n<table>' in page
    assert '<td class="number">2</td>' in page
    assert "style=" not in page
