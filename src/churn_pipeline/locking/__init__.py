"""One command at a time works on the files of a data set, however it is started."""

from churn_pipeline.locking.lock import BusyError, hold, wants_to_wait
from churn_pipeline.locking.places import Place, all_places, place

__all__ = ["BusyError", "Place", "all_places", "hold", "place", "wants_to_wait"]
