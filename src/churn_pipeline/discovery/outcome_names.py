"""What the name of a column says about leaving: the outcome, or what is known only after it."""

import re
from itertools import pairwise

from churn_pipeline.discovery.names import MEASURES, joined, word_set, words

_CHURN = re.compile(r"churn|attrit")
_LEFT = word_set(
    "exited left leaver lapsed cancelled canceled defected departed terminated unsubscribed "
    "closed quit resigned attrited deactivated disconnected lost leave leaving discontinued"
)
_TARGETS = re.compile(
    r"target(variable|value|flag|class)?|labels?|y|outcome|class|response|status|(customer|client|"
    r"account|member)status|event|dependentvariable"
)
_NO_TARGET = word_set(
    "pred predicted prediction prob probability proba score risk reason reasons date time category "
    "type prior past previous last history historical rate expected estimated"
)
# words that say the outcome of a customer, beside others that say whose or of what kind it is
_STAYED = word_set("retained retention stayed renewed remained stay")
_ACTIVE = word_set("active loyal")
_OF_OUTCOME = word_set(
    "is has was did will the of in if flag ind indicator yn label status customer cust client user "
    "member account subscriber employee company bank service us"
)
_AMBIGUOUS = word_set("left leave lost")  # but for left_reviews and lost_calls
_NOT = word_set("not no non never")
_NOT_CHURN = re.compile(r"(is|has|was)?(not?|non|never)churn(ed|er|ers|ing|flag|label)?")
_LATER = word_set("churn churned churner attrition attrited attriting")
_EARLIER = word_set("prior past previous earlier history historical before prev")
_LEAVING = word_set(
    "cancellation cancelled canceled cancel exit exited termination terminated leaving departure "
    "deactivation deactivated disconnection disconnect disconnected closure closing closed "
    "unsubscribe unsubscribed resignation offboarding winback cancelling left leave"
)
_AFTER = word_set(
    "date day time month reason reasons code type category comment comments note notes survey "
    "interview fee fees refund refunded dt at on timestamp text feedback cause"
)
# beside these, "left" is rather what remains than that a customer has gone
_OF_LEFT = word_set(
    "date dt reason reasons cause comment comments note notes survey interview feedback text"
)
_FEES = word_set("fee fees")
_OTHERS = word_set(
    "friend friends neighbor neighbors neighbour neighbours peer peers contacts network family "
    "relatives colleagues community region area city zip"
)


def target_tier(name: str) -> int:
    """Whether the name is that of a target.

    1 speaks of churn, 2 of leaving, 3 of staying, 4 of any target, 0 of none.
    """
    parts = set(words(name))
    if parts & _NO_TARGET:
        return 0
    if _CHURN.search(joined(name)):
        return 1
    others = parts - _OF_OUTCOME
    if others & _LEFT and not parts & (MEASURES | _AFTER):
        return 2 if others <= _LEFT or not others & _LEFT <= _AMBIGUOUS else 0
    if others and others <= _STAYED:
        return 3
    return 4 if _TARGETS.fullmatch(joined(name)) else 0


def may_be_target(name: str) -> bool:
    """Whether the name has a word of churn, so that a column of two values may be the target."""
    parts = set(words(name))
    return _speaks_of_churn(name) and not parts & (
        _EARLIER
        | _OF_LEFT
        | _OTHERS
        | word_set("last time predicted prediction pred expected rate")
    )


def means_staying(name: str) -> bool:
    """Whether "yes" under the name of a target means that the customer did not leave."""
    parts = words(name)
    if _NOT_CHURN.fullmatch(joined(name)):
        return True
    if any(a in _NOT and _CHURN.match(b) for a, b in pairwise(parts)):
        return True
    others = set(parts) - _OF_OUTCOME
    return bool(others) and others <= _STAYED | _ACTIVE


def is_after_event(name: str) -> bool:
    """Whether the name speaks of what is known only after the customer left."""
    parts = set(words(name))
    if parts & _EARLIER or _may_be_before(parts):
        return False
    if _speaks_of_churn(name):
        return True
    return bool(parts & _LEAVING) and bool(parts & _AFTER)


def may_be_after_event(name: str) -> bool:
    """Whether the name may speak of that, or as well of something else.

    Such are ``days_left`` (which remain), ``early_termination_fee`` (a clause of the contract) and
    ``churned_friends`` (other people).
    """
    parts = set(words(name))
    if parts & _EARLIER or not _may_be_before(parts):
        return False
    return _speaks_of_churn(name) or bool(parts & _LEAVING)


def _speaks_of_churn(name: str) -> bool:
    return bool(set(words(name)) & _LATER) or _CHURN.search(joined(name)) is not None


def _may_be_before(parts: set[str]) -> bool:
    is_left = parts & _LEAVING == {"left"} and not parts & _LATER and not parts & _OF_LEFT
    is_fee = bool(parts & _FEES) and not parts & ((_AFTER - _FEES) | _LATER)
    return is_left or is_fee or bool(parts & _OTHERS)


def speaks_of_leaving(name: str) -> bool:
    """Whether the name has a word of leaving, which alone decides nothing."""
    return bool(set(words(name)) & (_LEAVING | {"refund", "refunded", "refunds"}))
