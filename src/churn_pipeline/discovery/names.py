"""What the name of a column says about it: only words that are usual in any business."""

import re


def _list(words: str) -> list[str]:
    return words.split()


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text."""
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
_WHO = word_set("customer cust client user member subscriber account acct")
_IS_THING_KEY = re.compile(rf"({'|'.join(_THINGS)})s?({'|'.join(_KEYS)})|imei|iban")
_IS_INDEX = re.compile(
    r"(unnamed[0-9]*(level[0-9]+)?|index(level[0-9]+)?|level[0-9]+|x|"
    r"(row|line|record|obs|observation|seq|sequence|"
    r"serial|s|sr|sl)(number|num|no|id|index|nbr|nr)?|rows|rownames)?"
)
_PERSONAL = word_set(
    "surname lastname firstname fullname forename givenname familyname middlename email mail "
    "phone mobile telephone tel cellphone fax address street ssn passport iban"
)
_CODES = word_set(
    "zip zipcode postcode postal postalcode pincode plz code state region province county "
    "district city town branch store shop type category segment industry sector occupation job "
    "profession country territory zone route cluster campaign channel plan group marital method "
    "brand model status package currency language area kind division department warehouse agent "
    "race religion nationality sex cohort msa geo geography vendor supplier fips sic naics iso ags"
)
_PLACES = word_set(
    "zip zipcode postcode postal postalcode pincode plz city town state province county district "
    "country region area"
)
MEASURES = word_set(
    "number num no count counts cnt ct qty quantity total sum avg average mean median max min std "
    "rate ratio pct perc percent percentage share amount amt price cost costs charge charges fee "
    "fees revenue rev balance bal value val score index length duration days months years hours "
    "minutes mins seconds size spend spending spent usage used age rank level frequency freq "
    "recency limit volume time times per diff difference change growth calls visits orders "
    "transactions trans logins tickets points income salary debt mou "
    "distance satisfaction involvement engagement population clicks contacts sessions trips "
    "upgrades loyalty switches moves opens density turnover temperature"
)
_POSTCODES = word_set("zip zipcode postcode postalcode postal pincode plz")
_COORDINATES = word_set("latitude longitude lat lon lng")
_LIFETIME_VALUE = re.compile(r"(customer|cust|client)?(lifetimevalue|c?ltv|clv)(usd|eur|gbp)?")
_WORTH = re.compile(
    r"(total|annual|yearly|monthly|avg|average)?(revenue|arpu|mrr|arr|turnover|premium|charges?|"
    r"fees?|spend|spending|value|bill)"
)
_KEY_ENDS = word_set("id ids identifier key number num no nbr nr code cd")
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
_WINDOWS = word_set("last past prior previous recent prev lag within per")
_SENSITIVE = word_set(
    "sex race races caste married marriage religion nationality citizenship senior "
    "seniors birth birthday birthdate birthyear dateofbirth dob yob"
)
_SENSITIVE_STEMS = (
    "gend", "ethnic", "relig", "disab", "nationali", "marital", "handicap", "pregnan", "veteran",
    "racial", "seniorcitizen", "orientation", "immigra", "refugee",
)  # fmt: skip
_AGE_OF = frozenset(_PEOPLE) | word_set(
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
_ENDS = word_set("end expiry expiration expires expire renewal due next until deadline valid")
_MOMENTS = word_set(
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
    if "to" in parts or not parts or MEASURES & set(parts):
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
    return bool(_PLACES & set(words(name))) and not MEASURES & set(words(name))


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
        word_set("age birth birthday birthdate birthyear dateofbirth dob yob") & set(words(name))
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
