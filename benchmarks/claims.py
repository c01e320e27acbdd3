"""Whether tests and intervals hold their level, simulated where the truth is known.

Each claim of the documents about an error rate or a coverage is drawn again and again: what it
promises stands beside what was measured, with the Monte Carlo error. Exits 1 if a measured share is
outside what was promised by more than three of these errors.

    python -m benchmarks.claims --rounds 1000
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from churn_pipeline.contract import parse_contract
from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.model import DerivedColumn
from churn_pipeline.evaluation.calibration import calibration_line
from churn_pipeline.evaluation.fairness import Outcomes, audit
from churn_pipeline.evaluation.gates import Measured, check
from churn_pipeline.evaluation.metric_definitions import CALIBRATION
from churn_pipeline.features.added_columns import score_p_values
from churn_pipeline.splits.folds import stratified_splits
from churn_pipeline.statistics.bootstrap import Bootstrap
from churn_pipeline.statistics.comparison import compare_candidates
from churn_pipeline.statistics.delong import auc_interval, delong_test
from churn_pipeline.statistics.shares import share_interval

Floats = NDArray[np.float64]

CALIBRATION_GATES = {
    "minimum_calibration_slope": 0.8,
    "maximum_calibration_slope": 1.25,
    "minimum_calibration_intercept": -0.25,
    "maximum_calibration_intercept": 0.25,
}
_MARGIN = 0.001


@dataclass(frozen=True)
class Claim:
    """What should be true in a share of all draws.

    Attributes
    ----------
    text : str
    low, high : float
        Between which the share should be.
    holds : callable
        Draws once, and says whether it was true.
    """

    text: str
    low: float
    high: float
    holds: Callable[[Generator], bool]


class Measurement(NamedTuple):
    """The share of draws in which a claim was true, and the standard error of that share."""

    share: float
    error: float

    def is_within(self, claim: Claim) -> bool:
        """Whether the share is what was promised, as far as the draws can tell."""
        reach = 3 * self.error
        return claim.low - reach <= self.share <= claim.high + reach


def measure(claim: Claim, rounds: int, seed: int) -> Measurement:
    """Draw a claim so many times."""
    generator = np.random.default_rng(seed)
    share = float(np.mean([claim.holds(generator) for _ in range(rounds)]))
    # never 0, as if the draws had proved it
    near = (share * rounds + 1) / (rounds + 2)
    return Measurement(share, float(np.sqrt(near * (1 - near) / rounds)))


def _customers(generator: Generator, n: int, rate: float) -> tuple[Floats, NDArray[np.int8]]:
    """Draw log-odds around a churn rate, and outcomes that follow them."""
    log_odds = logit(rate) - 0.5 + generator.normal(size=n)
    return log_odds, (generator.random(n) < expit(log_odds)).astype(np.int8)


def _auc_is_covered(n: int, churners: int, generator: Generator) -> bool:
    shift = 1.4
    y = (np.arange(n) < churners).astype(float)
    found = auc_interval(y, generator.normal(size=n) + shift * y, 0.95)
    return bool(found.low <= norm.cdf(shift / np.sqrt(2)) <= found.high)


def _share_is_covered(n: int, share: float, generator: Generator) -> bool:
    found = share_interval(generator.random(n) < share, 0.95)
    return found.low <= share <= found.high


def _line_is_covered(name: str, n: int, rate: float, generator: Generator) -> bool:
    log_odds, y = _customers(generator, n, rate)
    found = calibration_line(y, expit(log_odds), 0.95).get(name)
    truth = 1.0 if name == "calibration_slope" else 0.0
    return found is None or found.low <= truth <= found.high


def _is_refused(n: int, rate: float, slope: float, shift: float, generator: Generator) -> bool:
    """Whether the gates refuse probabilities that are wrong by so much."""
    log_odds, y = _customers(generator, n, rate)
    wrong = expit((log_odds - shift) / slope)
    figures = {
        name: {"value": found.value, "low": found.low, "high": found.high}
        for name, found in calibration_line(y, wrong, 0.95).items()
    }
    return any(gate.passed is False for gate in check(CALIBRATION_GATES, Measured(figures)))


def _out_of_fold(n: int, n_noise: tuple[int, int], generator: Generator) -> pd.DataFrame:
    """Return the losses of two logistic regressions, each with its own columns of noise."""
    signal = generator.normal(size=(n, 2))
    y = (generator.random(n) < expit(signal @ [1.0, -0.7] - 1)).astype(np.int8)
    splits = stratified_splits(y, None, folds=5, seed=int(generator.integers(2**31)), repeats=2)
    losses = {}
    for name, more in zip("ab", n_noise, strict=True):
        x = np.column_stack([signal, generator.normal(size=(n, more))])
        total = np.zeros(n)
        for train, validation in splits:
            model = LogisticRegression().fit(x[train], y[train])
            sign = 1 - 2 * y[validation]
            total[validation] += np.logaddexp(0, sign * model.decision_function(x[validation]))
        losses[name] = total / 2
    return pd.DataFrame(losses)


def _differs(n: int, generator: Generator) -> bool:
    (found,) = compare_candidates(_out_of_fold(n, (5, 5), generator), 0.95)
    return bool(found["significant"])


def _passes_for_as_good(n: int, generator: Generator) -> bool:
    """Whether a candidate that loses just the margin is taken to lose no more."""
    losses = 0.4 + 0.5 * generator.standard_exponential(n)
    noise = 0.02 * generator.normal(size=n)
    table = pd.DataFrame({"best": losses, "other": losses + _MARGIN + noise})
    (found,) = compare_candidates(table, 0.95)
    return found["candidate"] == "other" and found["upper_bound"] <= _MARGIN


def _delong_differs(n: int, churners: int, generator: Generator) -> bool:
    y = (np.arange(n) < churners).astype(float)
    shared = generator.normal(size=n) + y
    one, two = (shared + 0.5 * generator.normal(size=n) for _ in range(2))
    return delong_test(y, one, two, 0.95).p_value < 0.05


def _is_miscalibrated(n: int, generator: Generator) -> bool:
    """Whether right probabilities of groups that churn at other rates are warned of."""
    group = pd.Categorical(generator.choice(["a", "b"], n, p=(0.7, 0.3)))
    p = generator.beta(1.5, np.where(np.asarray(group == "b"), 3.0, 6.0))
    outcomes = Outcomes((generator.random(n) < p).astype(float), p, (p > 0.2).astype(float))
    found = audit({"x": group}, outcomes, Bootstrap(1, 0.95, 1))["differences"]
    return any(entry["metric"] == CALIBRATION and entry["beyond_noise"] for entry in found)


_TENURE = parse_contract(
    {
        "name": "claims",
        "columns": {
            "id": {"type": "text", "role": "id", "meaning": "m"},
            "days": {"type": "number", "meaning": "m"},
            "spent": {"type": "number", "meaning": "m"},
            "left": {
                "type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                "meaning": "m",
            },
        },
    }
)  # fmt: skip
_LOGARITHM = DerivedColumn("log_days", Expression("log1p(days)"), "m")


def _logarithm_matters(n: int, effect: float, generator: Generator) -> bool:
    days = generator.gamma(0.8, 40.0, n)
    linear = -0.01 * days + effect * (3 - np.log1p(days)) - 0.5
    y = (generator.random(n) < expit(linear)).astype(np.int8)
    inputs = pd.DataFrame(
        {"days": days, "spent": generator.normal(size=n), "log_days": np.log1p(days)}
    )
    (p_value,) = score_p_values(inputs, y, _TENURE, [_LOGARITHM])
    return bool(p_value < 0.05)


CLAIMS = (
    *(
        Claim(f"the 95 % interval of the ROC-AUC holds it: {churners} churners of {n:,}",
              0.92, 0.99, partial(_auc_is_covered, n, churners))
        for n, churners in ((300, 5), (1400, 7), (1400, 70), (1400, 380))
    ),
    *(
        Claim(f"the 95 % interval of a share of {share:.0%} holds it: {n} rows",
              0.92, 0.99, partial(_share_is_covered, n, share))
        for n, share in ((14, 0.3), (70, 0.3), (400, 0.02))
    ),
    *(
        Claim(f"the 95 % interval of the {name.replace('_', ' ')} holds it: churn {rate:.0%}, "
              f"{n:,} customers", 0.92, 0.98, partial(_line_is_covered, name, n, rate))
        for name in ("calibration_slope", "calibration_intercept")
        for n, rate in ((300, 0.27), (1400, 0.27), (1400, 0.05), (1400, 0.02))
    ),
    *(
        Claim(f"right probabilities are refused by a calibration gate: churn {rate:.0%}, "
              f"{n:,} customers", 0.0, 0.025, partial(_is_refused, n, rate, 1.0, 0.0))
        for n, rate in ((150, 0.27), (1400, 0.27), (1400, 0.02))
    ),
    *(
        Claim(f"odds that are wrong by a factor of 2 are refused: churn {rate:.0%}, "
              f"{n:,} customers", low, 1.0, partial(_is_refused, n, rate, 1.0, np.log(2)))
        for n, rate, low in ((300, 0.27, 0.7), (1400, 0.27, 0.99), (5000, 0.02, 0.9))
    ),
    Claim("log-odds that are twice too steep are refused: churn 27%, 1,400 customers",
          0.95, 1.0, partial(_is_refused, 1400, 0.27, 0.5, 0.0)),
    Claim("two equal candidates differ significantly: 600 customers",
          0.0, 0.05, partial(_differs, 600)),
    Claim("a candidate that loses just the margin passes for as good: 2,000 customers",
          0.0, 0.05, partial(_passes_for_as_good, 2000)),
    Claim("two equal rankings differ by DeLong's test: 70 churners of 1,400",
          0.03, 0.07, partial(_delong_differs, 1400, 70)),
    Claim("right probabilities of groups of other churn rates are warned of: 1,400 customers",
          0.0, 0.05, partial(_is_miscalibrated, 1400)),
    Claim("a column of no effect passes the score test of the feature search: 1,500 customers",
          0.03, 0.07, partial(_logarithm_matters, 1500, 0.0)),
    Claim("a logarithm of effect 0.3 passes it: 1,500 customers",
          0.5, 1.0, partial(_logarithm_matters, 1500, 0.3)),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1000, help="draws of each claim")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("| claim | promised | measured | |\n|---|---|---|---|")
    failed = 0
    for claim in tqdm(CLAIMS, disable=None, leave=False):
        found = measure(claim, arguments.rounds, arguments.seed)
        is_within = found.is_within(claim)
        failed += not is_within
        print(
            f"| {claim.text} | {claim.low:.1%} to {claim.high:.1%} | {found.share:.1%} ± "
            f"{found.error:.1%} | {'' if is_within else 'FAIL'} |",
            flush=True,
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
