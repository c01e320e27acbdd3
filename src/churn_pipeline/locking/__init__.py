"""One command at a time works on the files of a data set, however it is started."""

from churn_pipeline.locking.lock import WAIT, BusyError, environment_of_parts, hold
from churn_pipeline.locking.places import Place, all_places, new_place, place, places_that_read

__all__ = [
    "WAIT",
    "BusyError",
    "Place",
    "all_places",
    "environment_of_parts",
    "hold",
    "new_place",
    "place",
    "places_that_read",
]
