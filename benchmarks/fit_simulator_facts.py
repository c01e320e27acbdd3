"""Derive the built-in default kind of simulated customers from the reference data set.

The output holds aggregates only: shares, price lists and coefficients of penalised logistic
models. Run it again after a change of the model terms:

    python -m benchmarks.fit_simulator_facts --real path/to/telco.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.telco.reference import telco_path
from benchmarks.telco.schema import ADD_ONS, COLUMNS, LEVELS
from benchmarks.telco.simulated import KIND
from benchmarks.telco.terms import Codes, code_of, factor_values, formula, term_values

MIN_BAND = 40  # customers in a tenure band of one contract
MIN_SUPPORT = 60  # customers for whom a term differs from zero
RIDGE = 2.0  # penalty on standardised coefficients
ENTER = 11.0  # score statistic (chi-square, 1 df) an interaction needs to enter
STAY = 3.84  # Wald statistic (chi-square, 1 df) a term needs to stay
MAX_INTERACTIONS = 12
# Complementary terms tie exactly but for the last bits, which differ between machines; rounding
# makes the first one win everywhere.
TIE_DIGITS = 6
TENURE_FACTORS = ["tenure=1", *(f"tenure>{month}" for month in (0, 3, 12, 24, 48, 66))]

Floats = NDArray[np.float64]


class Step(NamedTuple):
    """A split to fit: the final levels of those who stay at ``origin`` and of those who move."""

    column: str
    origin: str
    target: str
    staying: tuple[str, ...]
    moving: tuple[str, ...]
    among: str = ""


def simple(column: str, origin: str, target: str, among: str = "") -> Step:
    """Step after which no other concerns the same customers in the same column."""
    return Step(column, origin, target, (origin,), (target,), among)


# Churn interacts along contract, tenure and internet service. Each of these is weak by itself,
# so they are kept whatever their statistic.
CHURN_INTERACTIONS = (
    "tenure>0 & Contract=One year",
    "tenure>0 & Contract=Two year",
    "tenure=1 & InternetService=DSL",
    "tenure=1 & InternetService=Fiber optic",
    "tenure>0 & InternetService=DSL",
    "tenure>0 & InternetService=Fiber optic",
    "Contract=One year & InternetService=DSL",
    "Contract=One year & InternetService=Fiber optic",
    "Contract=Two year & InternetService=DSL",
    "Contract=Two year & InternetService=Fiber optic",
)

ELECTRONIC, MAILED = "Electronic check", "Mailed check"
BANK, CARD = "Bank transfer (automatic)", "Credit card (automatic)"
STEPS = (
    simple("gender", "Female", "Male"),
    simple("SeniorCitizen", "0", "1"),
    simple("Partner", "No", "Yes"),
    simple("Dependents", "No", "Yes"),
    Step("InternetService", "No", "DSL", ("No",), ("DSL", "Fiber optic")),
    simple("InternetService", "DSL", "Fiber optic"),
    simple("PhoneService", "Yes", "No", among="InternetService=DSL"),
    simple("MultipleLines", "No", "Yes"),
    *(simple(add_on, "No", "Yes") for add_on in ADD_ONS),
    simple("PaperlessBilling", "No", "Yes"),
    Step("PaymentMethod", ELECTRONIC, BANK, (ELECTRONIC, MAILED), (BANK, CARD)),
    simple("PaymentMethod", BANK, CARD),
    simple("PaymentMethod", ELECTRONIC, MAILED),
    simple("Churn", "No", "Yes", among="tenure>0"),
)


def encode(real: pd.DataFrame) -> dict[str, NDArray[np.int8]]:
    """Code the categorical columns and tenure of the raw table."""
    codes = {
        column: pd.Categorical(real[column].astype(str), categories=list(levels)).codes
        for column, levels in LEVELS.items()
    }
    return {**codes, "tenure": real["tenure"].to_numpy(dtype=np.int8)}


def logistic(design: Floats, moved: Floats) -> tuple[Floats, Floats]:
    """Fit a ridge logistic regression by Newton's method; the first column is unpenalised.

    Returns
    -------
    tuple
        Coefficients (k,) and the inverse of the penalised information matrix (k, k).
    """
    penalty = RIDGE * design.var(axis=0)
    penalty[0] = 0.0
    coefficients = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ coefficients))
        information = (design.T * (p * (1 - p))) @ design + np.diag(penalty)
        step = np.linalg.solve(information, design.T @ (moved - p) - penalty * coefficients)
        coefficients += step
        if np.abs(step).max() < 1e-10:
            break
    return coefficients, np.linalg.inv(information).astype(np.float64)


def best_addition(design: Floats, moved: Floats, candidates: Floats) -> tuple[int, float]:
    """Position and score statistic of the candidate column that would improve the fit most."""
    coefficients, inverse = logistic(design, moved)
    p = 1 / (1 + np.exp(-design @ coefficients))
    weight = p * (1 - p)
    cross = design.T @ (weight[:, None] * candidates)
    variance = weight @ candidates**2 - np.einsum("ij,ik,kj->j", cross, inverse, cross)
    scale = weight @ candidates**2
    score = (moved - p) @ candidates
    statistic = np.where(variance > 1e-3 * scale, score**2 / np.maximum(variance, 1e-12), 0.0)
    best = int(np.argmax(statistic.round(TIE_DIGITS)))
    return best, float(statistic[best])


def main_terms(earlier: Iterable[str]) -> list[str]:
    """Tenure factors and one indicator per level, bar the first, of every earlier column."""
    levels = [
        f"{column}={level}"
        for column in earlier
        for level in LEVELS[column][1:]
        # These levels repeat what PhoneService and InternetService already say.
        if level not in ("No phone service", "No internet service")
    ]
    return TENURE_FACTORS + levels


def distinct_columns(term: str) -> bool:
    """Whether no two factors of a term speak of the same column."""
    columns = [factor.replace(">", "=").split("=")[0] for factor in term.split(" & ")]
    return len(set(columns)) == len(columns)


def select_terms(
    terms: Sequence[str], kept: Sequence[str], codes: Codes, moved: Floats
) -> dict[str, float]:
    """Choose and fit the terms of one split.

    Starts from the main and the kept terms, adds pairwise interactions while the score test
    finds one, then drops terms that explain too little, except the kept ones.

    Returns
    -------
    dict
        Coefficients by term; the intercept is under the empty string.
    """
    pairs = [pair for a, b in combinations(terms, 2) if distinct_columns(pair := f"{a} & {b}")]
    values = {term: term_values(term, codes).astype(float) for term in (*terms, *pairs)}
    supported = {t: v for t, v in values.items() if np.count_nonzero(v) >= MIN_SUPPORT and v.std()}
    chosen = [term for term in (*terms, *kept) if term in supported]
    pool = [pair for pair in pairs if pair in supported and pair not in kept]
    ones = np.ones_like(moved)

    def design_of(selected: Sequence[str]) -> Floats:
        return np.column_stack([ones, *(supported[term] for term in selected)])

    for _ in range(MAX_INTERACTIONS if pool else 0):
        candidates = np.column_stack([supported[term] for term in pool])
        best, statistic = best_addition(design_of(chosen), moved, candidates)
        if statistic < ENTER:
            break
        chosen.append(pool.pop(best))
    while True:
        coefficients, inverse = logistic(design_of(chosen), moved)
        wald = coefficients[1:] ** 2 / np.diag(inverse)[1:]
        wald[[term in kept for term in chosen]] = np.inf
        if not chosen or wald.min() >= STAY:
            return dict(zip(["", *chosen], coefficients.tolist(), strict=True))
        chosen.pop(int(wald.round(TIE_DIGITS).argmin()))


def fit_split(step: Step, earlier: Sequence[str], codes: Codes) -> list[str]:
    """Lines of the kind's file for one split."""
    moving = np.isin(codes[step.column], [code_of(step.column, level) for level in step.moving])
    staying = np.isin(codes[step.column], [code_of(step.column, level) for level in step.staying])
    rows = moving | staying
    if step.among:
        rows &= factor_values(step.among, codes) > 0
    subset = {column: values[rows] for column, values in codes.items()}
    kept = CHURN_INTERACTIONS if step.column == "Churn" else ()
    fitted = select_terms(main_terms(earlier), kept, subset, moving[rows].astype(float))
    lines = [
        f'      - from: "{step.origin}"',
        f'        to: "{step.target}"',
        *([f'        among: "{formula(step.among)}"'] if step.among else []),
        *model_lines(fitted),
    ]
    if step.column != "Churn":
        return lines
    return ["    chance:", *(line[2:] for line in lines[2:])]


def model_lines(fitted: dict[str, float]) -> list[str]:
    """Lines of a logistic model, whose intercept is under the empty string."""
    lines = [f"        intercept: {fitted.pop(''):.3f}", *(["        terms:"] if fitted else [])]
    for term, coefficient in fitted.items():
        digits = 4 if "tenure>" in term else 3
        lines.append(f'          "{formula(term)}": {coefficient:.{digits}f}')
    return lines


def tenure_bands(tenure: NDArray[np.int8], first: int) -> list[tuple[int, int, int]]:
    """Merge months upwards from ``first`` until every band holds enough customers.

    Returns
    -------
    list
        First month, last month and number of customers of each band.
    """
    bands: list[tuple[int, int, int]] = []
    start, count = first, 0
    for month in range(first, int(tenure.max()) + 1):
        count += int((tenure == month).sum())
        if count >= MIN_BAND:
            bands.append((start, month, count))
            start, count = month + 1, 0
    if count:
        begin, _, before = bands.pop()
        bands.append((begin, int(tenure.max()), before + count))
    return bands


def tenure_lines(codes: Codes) -> list[str]:
    """Lines of the kind's file for tenure within each contract."""
    tenure, contract = codes["tenure"], codes["Contract"]
    new_share = float((tenure[contract > 0] == 0).mean())
    lines = []
    for code, level in enumerate(LEVELS["Contract"]):
        own = tenure[(contract == code) & (tenure > 0)]
        zero = new_share if code else 0.0
        lines.append(f"      {level}:")
        if zero:
            lines.append(f"        - [0, 0, {zero:.4f}]")
        for first, last, count in tenure_bands(own, 1):
            lines.append(f"        - [{first}, {last}, {(1 - zero) * count / own.size:.4f}]")
    return lines


def charge_lines(real: pd.DataFrame, codes: Codes) -> list[str]:
    """Lines of the kind's file for prices and for the deviation of the totals."""
    services = [
        "PhoneService=Yes",
        "MultipleLines=Yes",
        "InternetService=DSL",
        "InternetService=Fiber optic",
        *(f"{add_on}=Yes" for add_on in ADD_ONS),
    ]
    has = np.column_stack([term_values(service, codes) for service in services]).astype(float)
    monthly = real["MonthlyCharges"].to_numpy(dtype=float)
    prices = np.linalg.lstsq(has, monthly, rcond=None)[0]
    price_noise = np.sqrt(((monthly - has @ prices) ** 2).sum() / has.sum())
    later = codes["tenure"] > 1
    total = pd.to_numeric(real["TotalCharges"], errors="coerce").to_numpy(dtype=float)[later]
    months, monthly = codes["tenure"][later].astype(float), monthly[later]
    drift = np.sqrt(((total - months * monthly) ** 2 / (monthly * (months - 1))).mean())
    listed = [f"{price:.2f} * ({formula(s)})" for s, price in zip(services, prices, strict=True)]
    return [
        "  # The prices of a customer's services, each a little off its list price.",
        "  MonthlyCharges:",
        "    mean: >-",
        *(f"      {line}" for line in " +\n".join(listed).splitlines()),
        "    deviation: >-",
        f"      {price_noise:.3f} * sqrt(count(",
        *(f"      {line}" for line in ",\n".join(map(formula, services)).splitlines()),
        "      ))",
        "    step: 0.05",
        "",
        "  # As if the monthly charge had wandered over the tenure. Nobody has paid less than one",
        "  # month; at tenure 0 there was no bill yet.",
        "  TotalCharges:",
        "    mean: tenure * MonthlyCharges",
        f"    deviation: {drift:.3f} * sqrt(MonthlyCharges * maximum(tenure - 1, 0))",
        "    step: 0.05",
        "    minimum: MonthlyCharges",
        "    missing: tenure == 0",
        '    missing_text: " "',
        "    as: text",
    ]


def level_lines(column: str) -> list[str]:
    """Lines that begin a column of the kind's file and name its levels."""
    levels = ", ".join(f'"{level}"' for level in LEVELS[column])
    lines = [f"  {column}:", f"    levels: [{levels}]"]
    if sum(map(len, lines[1:])) > 100:
        lines[1:] = ["    levels:", *(f'      - "{level}"' for level in LEVELS[column])]
    if column == "SeniorCitizen":
        lines.append("    as: integer")
    if column == "MultipleLines":
        lines.append("    start: {No phone service: PhoneService == 'No'}")
    if column in ADD_ONS:
        lines.append("    start: {No internet service: InternetService == 'No'}")
    return [*lines, *(["    moves:"] if column != "Churn" else [])]


def kind_text(real: pd.DataFrame) -> str:
    """Write the whole file of the kind as text."""
    codes = encode(real)
    shares = np.bincount(codes["Contract"]) / len(real)
    lines = [
        "# Customers of a telephone and internet provider, calibrated to aggregates of IBM's Telco",
        "# Customer Churn data set. docs/simulation.md describes the keys.",
        "# Written by benchmarks/fit_simulator_facts.py; do not edit by hand.",
        f"# Ridge-penalised fits; every term concerns at least {MIN_SUPPORT} customers.",
        "",
        "description: Customers of a telephone and internet provider, like IBM's Telco data set.",
        "id: customerID",
        "target: Churn",
        "table:",
        *(f"  - {column}" for column in COLUMNS),
        "",
        "columns:",
        "  Contract:",
        "    shares:",
        *(f"      {lv}: {sh:.4f}" for lv, sh in zip(LEVELS["Contract"], shares, strict=True)),
        "",
        f"  # Months. A band holds at least {MIN_BAND} customers; the share of tenure 0 is pooled",
        "  # over the two longer contracts.",
        "  tenure:",
        "    by: Contract",
        "    bands:",
        *tenure_lines(codes),
    ]
    earlier = ["Contract"]
    for step in STEPS:
        if step.column == "Churn":
            lines += ["", *charge_lines(real, codes)]
        if step.column not in earlier:
            lines += ["", *level_lines(step.column)]
        predictors = [column for column in earlier if column != step.column]
        lines += fit_split(step, predictors, codes)
        if step.column not in earlier:
            earlier.append(step.column)
    lines += ["", "  customerID:", '    pattern: "####-@@@@@"']
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the kind's file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=telco_path(), help="the reference CSV file")
    parser.add_argument("--out", type=Path, default=KIND, help="the file to write")
    args = parser.parse_args()
    args.out.write_text(kind_text(pd.read_csv(args.real)), encoding="utf-8")


if __name__ == "__main__":
    main()
