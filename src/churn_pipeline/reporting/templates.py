"""The environments that fill the templates; what comes from data is escaped."""

import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from churn_pipeline.reporting import formats

_BLANKS = re.compile(r"\s+")
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)")
_BLOCK_START = re.compile(r"^ ?(?:[#+=-]|\d+(?=[.)](?:\s|$)))")
_FORMATS: tuple[Callable[..., str], ...] = (
    formats.count,
    formats.count_passed,
    formats.number,
    formats.about,
    formats.about_bounds,
    formats.bounds,
    formats.fixed,
    formats.signed,
    formats.plain,
    formats.percent,
    formats.exact_percent,
    formats.points,
    formats.p_value,
    formats.interval,
    formats.difference_interval,
    formats.share_interval,
    formats.points_interval,
)


def html_templates() -> Environment:
    """Return the environment of the HTML templates."""
    return _environment()


def markdown_templates() -> Environment:
    """Return the environment of the Markdown templates.

    Every value is escaped for Markdown; the filter ``code`` makes a code span of it instead, and
    those of :mod:`churn_pipeline.reporting.formats` write numbers.
    """
    environment = _environment(finalize=_finalize)
    environment.filters |= {"code": code_span, "anchor": anchor}
    environment.filters |= {part.__name__: _trusted(part) for part in _FORMATS}
    return environment


def _environment(**options: Any) -> Environment:
    return Environment(
        loader=PackageLoader("churn_pipeline.reporting", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def _finalize(value: Any) -> Markup:
    if value is None:
        raise ValueError("a template writes None")
    return value if isinstance(value, Markup) else escape_markdown(str(value))


def _trusted(part: Callable[..., str]) -> Callable[..., Markup]:
    return lambda *values, **options: Markup(part(*values, **options))


def anchor(title: str) -> Markup:
    """Return the address of a section within its page."""
    return Markup(re.sub(r"\W+", "-", title.lower()).strip("-") or "section")


def escape_markdown(text: str) -> Markup:
    """Return a text that Markdown (CommonMark with tables) shows letter by letter on one line.

    Parameters
    ----------
    text : str
        Line breaks become blanks.

    Returns
    -------
    Markup
        Without raw HTML: ``<``, ``>`` and ``&`` are entities.
    """
    line = _SPECIAL.sub(r"\\\g<0>", _BLANKS.sub(" ", text))
    line = _BLOCK_START.sub(_escape_block_start, line)
    return Markup(str(escape(line)).replace("&#39;", "'").replace("&#34;", '"'))


def _escape_block_start(match: re.Match[str]) -> str:
    start = match.group()
    return f"{start}\\" if start[-1].isdigit() else f"{start[:-1]}\\{start[-1]}"


def code_span(text: object) -> Markup:
    """Return a code span of Markdown, also within a table."""
    line = _BLANKS.sub(" ", str(text)).strip().replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")
