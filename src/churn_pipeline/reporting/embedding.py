"""Pictures inside a page, so that the page is one file."""

import base64
import io
import struct

from matplotlib.figure import Figure

from churn_pipeline.reporting.drawing import DPI

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CSS_DPI = 96


def png(figure: Figure) -> bytes:
    """Draw a figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def data_uri(picture: bytes) -> str:
    """Return the address that holds a PNG picture itself."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"


def css_size(picture: bytes) -> tuple[int, int]:
    """Return the width and height, in CSS pixels, of a PNG picture drawn at the figures' DPI.

    Raises
    ------
    ValueError
        If it is not a PNG picture.
    """
    if not picture.startswith(_SIGNATURE) or len(picture) < 24:
        raise ValueError("not a PNG picture")
    width, height = struct.unpack(">II", picture[16:24])  # the header chunk comes first
    return round(width * _CSS_DPI / DPI), round(height * _CSS_DPI / DPI)
