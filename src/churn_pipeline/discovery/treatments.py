"""Columns that say whom the company itself contacted in order to keep them."""

from churn_pipeline.discovery.descriptions import describe
from churn_pipeline.discovery.names import word_set, words
from churn_pipeline.discovery.plan import Cost, Notes, quoted
from churn_pipeline.discovery.reading import Reading

_TREATED = word_set("contacted treated treatment targeted outreach mailed uplift")
_MEANS = word_set("retention offer voucher coupon incentive campaign winback")
_DONE = word_set("sent made given received got called call emailed accepted")
_BY_CUSTOMER = word_set("us support service helpdesk hotline complaint complained care desk")


def find_treatment(reading: Reading, notes: Notes) -> str | None:
    """Ask about a flag whose name says that the customer was contacted; None where it is none.

    A model that learns from it takes those who were contacted, often because they were about to
    leave, for a kind of customer; and whom it scores, nobody has contacted yet.
    """
    parts = set(words(reading.name))
    is_named = bool(parts & _TREATED) or bool(parts & _MEANS and parts & _DONE)
    if reading.flag is None or not is_named or parts & _BY_CUSTOMER:
        return None
    notes.ask(
        f"Does {reading.name} say whom you contacted, or made an offer, to keep them "
        f"({describe(reading)})? It is left out: customers who are scored have not been contacted "
        "yet, and a model would take its effect for a property of the customer.",
        f"--keep {quoted(reading.name)}",
        Cost.LEAK,
    )
    return "its name refers to what the company did to keep the customer"
