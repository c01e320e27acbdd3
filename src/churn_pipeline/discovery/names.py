"""What the name of a column says about it: only words that are usual in any business."""

import re
from itertools import pairwise


def _list(words: str) -> list[str]:
    return words.split()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BOUNDARY = re.compile(
    r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])"
    r"|(?<=[0-9])(?=[A-Za-z])"
)
_PEOPLE = _list(
    "customer cust client user member subscriber consumer person guest player patient student "
    "employee passenger policyholder voter cardholder cst"
)
_THINGS = _list(
    "account acct acc policy contract subscription household tenant company merchant card device "
    "order transaction booking loyalty party lead"
)
_KEYS = _list("id ids identifier key number num no nbr nr code ref reference uuid guid hash")
_IS_PERSON_KEY = re.compile(
    rf"({'|'.join(_PEOPLE)})s?({'|'.join(_KEYS)})|msisdn|imsi|clientnum|uid|msno"
)
_WHO = _set("customer cust client user member subscriber account acct")
_IS_THING_KEY = re.compile(rf"({'|'.join(_THINGS)})s?({'|'.join(_KEYS)})|imei|iban")
_IS_INDEX = re.compile(
    r"(unnamed[0-9]*(level[0-9]+)?|index(level[0-9]+)?|level[0-9]+|x|"
    r"(row|line|record|obs|observation|seq|sequence|"
    r"serial|s|sr|sl)(number|num|no|id|index|nbr|nr)?|rows|rownames)?"
)
_PERSONAL = _set(
    "surname lastname firstname fullname forename givenname familyname middlename email mail "
    "phone mobile telephone tel cellphone fax address street ssn passport iban"
)
_CODES = _set(
    "zip zipcode postcode postal postalcode pincode plz code state region province county "
    "district city town branch store shop type category segment industry sector occupation job "
    "profession country territory zone route cluster campaign channel plan group marital method "
    "brand model status package currency language area kind division department warehouse agent "
    "race religion nationality sex cohort msa geo geography vendor supplier fips sic naics iso ags"
)
_PLACES = _set(
    "zip zipcode postcode postal postalcode pincode plz city town state province county district "
    "country region area"
)
_MEASURES = _set(
    "number num no count counts cnt ct qty quantity total sum avg average mean median max min std "
    "rate ratio pct perc percent percentage share amount amt price cost costs charge charges fee "
    "fees revenue rev balance bal value val score index length duration days months years hours "
    "minutes mins seconds size spend spending spent usage used age rank level frequency freq "
    "recency limit volume time times per diff difference change growth calls visits orders "
    "transactions trans logins tickets points income salary debt mou "
    "distance satisfaction involvement engagement population clicks contacts sessions trips "
    "upgrades loyalty switches moves opens density turnover temperature"
)
_POSTCODES = _set("zip zipcode postcode postalcode postal pincode plz")
_COORDINATES = _set("latitude longitude lat lon lng")
_LIFETIME_VALUE = re.compile(r"(customer|cust|client)?(lifetimevalue|c?ltv|clv)(usd|eur|gbp)?")
_WORTH = re.compile(
    r"(total|annual|yearly|monthly|avg|average)?(revenue|arpu|mrr|arr|turnover|premium|charges?|"
    r"fees?|spend|spending|value|bill)"
)
_KEY_ENDS = _set("id ids identifier key number num no nbr nr code cd")
_UNITS = {
    "days": "days", "day": None, "months": "months", "mths": "months", "years": "years",
    "yrs": "years", "weeks": "weeks", "hours": "hours", "hrs": "hours", "minutes": "minutes",
    "mins": "minutes", "mou": "minutes", "seconds": "seconds", "secs": "seconds", "gb": "GB",
    "mb": "MB", "tb": "TB", "kb": "KB", "kwh": "kWh", "km": "km", "miles": "miles",
    "percent": "%", "percentage": "%", "pct": "%", "perc": "%", "usd": "USD", "dollars": "USD",
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "calls": "calls", "sms": "messages",
    "messages": "messages", "emails": "messages", "visits": "visits", "orders": "orders",
    "logins": "logins", "tickets": "tickets", "complaints": "complaints", "sessions": "sessions",
    "products": "products", "transactions": "transactions", "purchases": "purchases",
    "points": "points",
}  # fmt: skip
_WINDOWS = _set("last past prior previous recent prev lag within per")
_SENSITIVE = _set(
    "sex race races caste married marriage religion nationality citizenship senior "
    "seniors birth birthday birthdate birthyear dateofbirth dob yob"
)
_SENSITIVE_STEMS = (
    "gend", "ethnic", "relig", "disab", "nationali", "marital", "handicap", "pregnan", "veteran",
    "racial", "seniorcitizen", "orientation", "immigra", "refugee",
)  # fmt: skip
_AGE_OF = frozenset(_PEOPLE) | _set(
    "owner holder insured driver group band range years in bracket category class cat yr of at "
    "current s"
)
_SNAPSHOT = re.compile(
    r"(snapshot|asof|as_?of|reference|ref|report|reporting|observation|obs|cutoff|extract|"
    r"extraction|stat|perf|scoring|data|period|statement|monthend|periodend)"
    r"(date|day|month|period|time|dt|on)?|(billing|bill|invoice|calendar|fiscal|year)?"
    r"(month|week|quarter|period)(year)?(start|end|begin|of)?(date|day|dt|id|key)?|"
    r"yyyymm(dd)?|date|ds"
)
_CHURN = re.compile(r"churn|attrit")
_LEFT = _set(
    "exited left leaver lapsed cancelled canceled defected departed terminated unsubscribed "
    "closed quit resigned attrited deactivated disconnected lost leave leaving discontinued"
)
_TARGETS = re.compile(
    r"target(variable|value|flag|class)?|labels?|y|outcome|class|response|status|(customer|client|"
    r"account|member)status|event|dependentvariable"
)
_NO_TARGET = _set(
    "pred predicted prediction prob probability proba score risk reason reasons date time category "
    "type prior past previous last history historical rate expected estimated"
)
# words that say the outcome of a customer, beside others that say whose or of what kind it is
_STAYED = _set("retained retention stayed renewed remained stay")
_ACTIVE = _set("active loyal")
_OF_OUTCOME = _set(
    "is has was did will the of in if flag ind indicator yn label status customer cust client user "
    "member account subscriber employee company bank service us"
)
_AMBIGUOUS = _set("left leave lost")  # but for left_reviews and lost_calls
_NOT = _set("not no non never")
_NOT_CHURN = re.compile(r"(is|has|was)?(not?|non|never)churn(ed|er|ers|ing|flag|label)?")
_LATER = _set("churn churned churner attrition attrited attriting")
_EARLIER = _set("prior past previous earlier history historical before prev")
_LEAVING = _set(
    "cancellation cancelled canceled cancel exit exited termination terminated leaving departure "
    "deactivation deactivated disconnection disconnect disconnected closure closing closed "
    "unsubscribe unsubscribed resignation offboarding winback cancelling left leave"
)
_AFTER = _set(
    "date day time month reason reasons code type category comment comments note notes survey "
    "interview fee fees refund refunded dt at on timestamp text feedback cause"
)
# beside these, "left" is rather what remains than that a customer has gone
_OF_LEFT = _set(
    "date dt reason reasons cause comment comments note notes survey interview feedback text"
)
_FEES = _set("fee fees")
_OTHERS = _set(
    "friend friends neighbor neighbors neighbour neighbours peer peers contacts network family "
    "relatives colleagues community region area city zip"
)
_ENDS = _set("end expiry expiration expires expire renewal due next until deadline valid")
_MOMENTS = _set(
    "date dt day time timestamp ts epoch at created signup signed joined registered registration "
    "activation activated since opened"
)


def words(name: str) -> list[str]:
    """Split a name at blanks, signs, capitals and digits: ``CustomerID_2`` is customer id 2."""
    return [word.lower() for word in _BOUNDARY.split(name) if word]


def joined(name: str) -> str:
    """Return the letters and digits of a name in lower case, to compare spellings."""
    return "".join(words(name))


def sentence(name: str) -> str:
    """Return the name as a short sentence for people, the contract's ``meaning``."""
    parts = [word if word.isupper() else word.lower() for word in _BOUNDARY.split(name) if word]
    text = " ".join(parts) or "column without a name"
    return f"{text[0].upper()}{text[1:]}."


def is_index(name: str) -> bool:
    """Whether the name is that of a row number, as exports of tables add it."""
    return _IS_INDEX.fullmatch(joined(name)) is not None


def identifier_score(name: str) -> int:
    """How much the name says "identifier of the row's customer": 4 (surely) to 0 (nothing)."""
    parts, text = words(name), joined(name)
    if _IS_PERSON_KEY.fullmatch(text):
        return 4
    if _IS_THING_KEY.fullmatch(text):
        return 3
    if parts and (
        parts[-1] in ("id", "ids", "uuid", "guid", "identifier") or text.endswith("uuid")
    ):
        return 2
    return int(len(parts) > 1 and parts[-1] in ("key", "number", "no", "nbr", "ref", "hash"))


def is_who(name: str) -> bool:
    """Whether the name is just the word for whom a row describes, such as ``customer``."""
    return joined(name) in _WHO


def is_bare_date(name: str) -> bool:
    """Whether the name says no more than that the column is a date."""
    return joined(name) in ("date", "ds", "day")


def is_personal(name: str) -> bool:
    """Whether the name is that of a person's name, address or number."""
    parts, text = words(name), joined(name)
    if _PERSONAL & {*parts, text}:
        return True
    return (
        parts == ["name"]
        or (len(parts) > 1 and parts[-1] == "name" and parts[0] in _PEOPLE)
        or (
            parts[-1:] == ["name"] and bool({"first", "last", "full", "sur", "family"} & set(parts))
        )
    )


def is_code(name: str) -> bool:
    """Whether whole numbers under this name are labels rather than amounts.

    Only the noun that the name is about tells: that of ``plan_upgrades`` is upgrades, that of
    ``branch_no`` is branch, that of ``type_of_contract`` is type.
    """
    parts = [word for word in words(name) if not word.isdigit()]
    if "of" in parts[1:]:
        parts = parts[: parts.index("of", 1)]
    end = parts.pop() if len(parts) > 1 and parts[-1] in _KEY_ENDS else ""
    if "to" in parts or not parts or _MEASURES & set(parts):
        return False
    return parts[-1] in _CODES or end in ("code", "cd")


def is_postcode(name: str) -> bool:
    """Whether the name is that of a postcode."""
    return bool(_POSTCODES & {*words(name), joined(name)})


def is_coordinate(name: str) -> bool:
    """Whether the name is that of a latitude or longitude."""
    return bool(_COORDINATES & set(words(name)[-1:] + words(name)[:1]))


def is_lifetime_value(name: str) -> bool:
    """Whether the name is that of what a customer is worth."""
    return _LIFETIME_VALUE.fullmatch(joined(name)) is not None


def is_worth(name: str) -> bool:
    """Whether the name is that of what a customer brings: a revenue, a fee."""
    return _WORTH.fullmatch(joined(name)) is not None


def is_place(name: str) -> bool:
    """Whether the name is that of a part of the world, of which new ones may come."""
    return bool(_PLACES & set(words(name))) and not _MEASURES & set(words(name))


def unit(name: str) -> str | None:
    """Return the unit that the name says, leaving out windows such as ``last 30 days``."""
    parts = words(name)
    for index, word in enumerate(parts):
        before = parts[index - 1] if index else ""
        if word in _UNITS and not before.isdigit() and before not in _WINDOWS:
            if _UNITS[word]:
                return _UNITS[word]
    return None


def is_sensitive(name: str) -> bool:
    """Whether fairness is usually asked for by this column."""
    parts, text = words(name), joined(name)
    if _SENSITIVE & set(parts) or any(word.startswith(_SENSITIVE_STEMS) for word in [*parts, text]):
        return True
    return "age" in parts and not set(parts) - {"age"} - _AGE_OF


def is_age_or_birth(name: str) -> bool:
    """Whether the column holds how old a person is."""
    return is_sensitive(name) and bool(
        _set("age birth birthday birthdate birthyear dateofbirth dob yob") & set(words(name))
    )


def is_snapshot(name: str) -> bool:
    """Whether the name is that of the day or month that a row describes."""
    return _SNAPSHOT.fullmatch(joined(name)) is not None


def is_moment(name: str) -> bool:
    """Whether the name suggests that numbers may represent a point in time."""
    return bool(_MOMENTS & set(words(name))) or joined(name).endswith(("date", "timestamp"))


def is_month(name: str) -> bool:
    """Whether six digits under this name may be a year and a month."""
    parts = set(words(name))
    if {"week", "quarter"} & parts:
        return False
    return is_moment(name) or is_snapshot(name) or bool({"month", "period"} & parts)


def is_end(name: str) -> bool:
    """Whether a date of this name is known before it comes, as the end of a contract."""
    return bool(_ENDS & set(words(name)))


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
    if others & _LEFT and not parts & (_MEASURES | _AFTER):
        return 2 if others <= _LEFT or not others & _LEFT <= _AMBIGUOUS else 0
    if others and others <= _STAYED:
        return 3
    return 4 if _TARGETS.fullmatch(joined(name)) else 0


def may_be_target(name: str) -> bool:
    """Whether the name has a word of churn, so that a column of two values may be the target."""
    parts = set(words(name))
    return _speaks_of_churn(name) and not parts & (
        _EARLIER | _OF_LEFT | _OTHERS | _set("last time predicted prediction pred expected rate")
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
