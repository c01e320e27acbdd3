"""Any column of a kind's file; its keys tell which class draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Tag

from churn_pipeline.simulation.chance_columns import Chance, Moves
from churn_pipeline.simulation.columns import Identifier, Shares, Words
from churn_pipeline.simulation.number_columns import Bands, Count, Number

DRAWS = {
    "shares": Shares,
    "distinct": Words,
    "pattern": Identifier,
    "moves": Moves,
    "chance": Chance,
    "bands": Bands,
    "mean": Number,
    "poisson": Count,
}


def _key(section: object) -> str | None:
    keys = section if isinstance(section, Mapping) else {}
    return next((key for key in DRAWS if key in keys), None)


AnyColumn = Annotated[
    Annotated[Shares, Tag("shares")]
    | Annotated[Words, Tag("distinct")]
    | Annotated[Identifier, Tag("pattern")]
    | Annotated[Moves, Tag("moves")]
    | Annotated[Chance, Tag("chance")]
    | Annotated[Bands, Tag("bands")]
    | Annotated[Number, Tag("mean")]
    | Annotated[Count, Tag("poisson")],
    Discriminator(
        _key,
        custom_error_type="unknown_draw",
        custom_error_message=f"does not say how it is drawn; give one of {', '.join(DRAWS)}",
    ),
]
