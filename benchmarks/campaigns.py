"""Campaigns on simulated customers whose truth is known: what is said of their effect.

Draws campaigns of random sizes, held-out shares, churn and acceptance rates, and measures each.
Prints how often the intervals cover the true effect, how often an effect is seen where there is
none, and how often one is found, beside what was said before. Exits 1 if a target is missed:
coverage 93 to 97 %, at most 5 % alarms without an effect (beyond the noise of the draws), power
within 3 points, the same arms when they are drawn again.

    python -m benchmarks.campaigns --campaigns 1000
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from churn_pipeline.campaigns.arms import held_out
from churn_pipeline.campaigns.effect import acceptance, adjusted_difference, measure_effect
from churn_pipeline.campaigns.power import power_of
from churn_pipeline.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """What a campaign found, and the truth.

    ``covered`` and ``adjusted_covered``: whether the interval holds the true effect; ``seen`` and
    ``adjusted_seen``: whether it is above 0 (or, without an effect, excludes it); ``told``: the
    probability that was given for that.
    """

    covered: bool
    adjusted_covered: bool
    seen: bool
    adjusted_seen: bool
    told: float
    acceptance_covered: bool
    money_covered: bool | None


def simulate_campaign(number: int, customers: int, has_effect: bool) -> Result | None:
    """Draw a campaign and measure it; None where the arms' sizes contradict the lot."""
    rng = np.random.default_rng([number, customers, has_effect])
    mean = rng.uniform(0.15, 0.5)
    p = rng.beta(4 * mean, 4 * (1 - mean), customers)
    share = float(rng.choice([0.1, 0.2, 0.5]))
    accepts = rng.uniform(0.1, 0.5) if has_effect else 0.0
    held = held_out(f"campaign-{number}", map(str, range(customers)), share)
    rate = np.where(held, p, p * (1 - accepts))
    churned = rng.random(customers) < rate
    noisy = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + rng.normal(0, 0.5, customers))))  # the score
    try:
        effect = measure_effect(churned, ~held, noisy, share)
    except DataError:
        return None
    value = rng.lognormal(5, 0.5, customers)
    money = adjusted_difference(np.where(churned, value, 0.0), ~held, noisy * value, share)
    worth = accepts * mean * float(np.exp(5 + 0.5**2 / 2))
    truth = accepts * mean  # the expected effect in the population that customers are drawn from
    plain, adjusted = effect.difference, effect.best
    found = acceptance(effect, 6, 14).found
    return Result(
        plain.low <= truth <= plain.high,
        adjusted.low <= truth <= adjusted.high,
        plain.low > 0 or (not has_effect and plain.high < 0),
        adjusted.low > 0 or (not has_effect and adjusted.high < 0),
        power_of(customers, share, mean, truth),
        found.low <= accepts <= found.high,
        None if money is None else money.low <= worth <= money.high,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--customers", type=int, nargs="+", default=[500, 2000, 8000])
    arguments = parser.parse_args()
    sizes = arguments.customers
    drawn: dict[bool, list[Result]] = {True: [], False: []}
    refused = 0
    for number in tqdm(range(arguments.campaigns), disable=None):
        for has_effect, results in drawn.items():
            found = simulate_campaign(number, sizes[number % len(sizes)], has_effect)
            if found is None:
                refused += 1
            else:
                results.append(found)
    real, none = drawn[True], drawn[False]
    error = 2 * np.sqrt(0.05 * 0.95 / len(none))
    covered = [_share(real, "covered"), _share(real, "adjusted_covered")]
    alarms = [_share(none, "seen"), _share(none, "adjusted_seen")]
    power, told = _share(real, "seen"), float(np.mean([result.told for result in real]))
    ids = [str(i) for i in range(1000)]
    same = (held_out("again", ids, 0.2) == held_out("again", ids, 0.2)).all()
    lines = {
        f"{len(real)} campaigns with an effect: intervals cover it in {covered[0]:.1%}, adjusted "
        f"{covered[1]:.1%} (93 to 97 %)": all(0.93 <= share <= 0.97 for share in covered),
        f"{len(none)} without: one is seen in {alarms[0]:.1%}, adjusted {alarms[1]:.1%} "
        f"(5 % + {error:.1%} of noise)": max(alarms) <= 0.05 + error,
        f"power {power:.1%}, told before {told:.1%}; adjusted {_share(real, 'adjusted_seen'):.1%} "
        "(within 3 points)": abs(power - told) <= 0.03,
        f"money covered in {_share(real, 'money_covered'):.1%} of the {_known(real)} with 30 "
        "customers in each arm (93 to 97 %)": 0.93 <= _share(real, "money_covered") <= 0.97,
        f"acceptance covered in {_share(real, 'acceptance_covered'):.1%}": True,
        f"{refused} refused for the sizes of their arms": refused <= 0.005 * 2 * len(real) + 2,
        "the same arms when drawn again": bool(same),
    }
    for line, reached in lines.items():
        print(f"{line}: {'PASS' if reached else 'FAIL'}")
    return int(not all(lines.values()))


def _share(results: list[Result], name: str) -> float:
    found = [getattr(result, name) for result in results]
    return float(np.mean([flag for flag in found if flag is not None]))


def _known(results: list[Result]) -> int:
    return sum(result.money_covered is not None for result in results)


if __name__ == "__main__":
    sys.exit(main())
