"""The candidates: entries of ``params.yaml`` that are built by their family."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.logistic_regression import Baseline
from churn_pipeline.named_files import params_yaml

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

BASELINE = Baseline.name
"""The name of what every candidate has to beat, and of no candidate."""


def build_candidate(
    name: str, settings: Mapping[str, Any] | None, contract: Contract, seed: int
) -> "Pipeline":
    """Build an unfitted candidate.

    Parameters
    ----------
    name : str
        That of its family.
    settings : mapping or None
        Each a value, by any name that it may have.
    contract : Contract
    seed : int

    Returns
    -------
    Pipeline
        An encoder and a classifier; takes a table with the contract's model inputs.

    Raises
    ------
    ParameterError
        If there is no such candidate, or it has no such setting.
    """
    settings = settings or {}
    check_settings(name, settings)
    family = FAMILIES[name]
    plain = {family.settings[key]: value for key, value in settings.items()}
    return family.build(contract, seed, **plain)


def build_baseline(contract: Contract, seed: int) -> "Pipeline":
    """Build what every candidate has to beat: plain logistic regression on the file's columns."""
    return FAMILIES[BASELINE].build(contract, seed)


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Check that the candidate exists, can be fitted here and has these settings.

    Raises
    ------
    ParameterError
        With the valid names; if two names mean the same setting; if its library is not installed.
    """
    valid = [family for family in FAMILIES if family != BASELINE]
    if name not in valid:
        raise ParameterError(
            f"{params_yaml()}: candidates.{name} is not a candidate{_guess(name, valid)}; "
            f"valid candidates: {', '.join(valid)}"
        )
    family = FAMILIES[name]
    if family.missing:
        raise ParameterError(
            f"{params_yaml()}: candidates.{name} needs {' and '.join(family.missing)}, which is "
            f"not installed; run `make {family.extra or 'setup'}`, or take the candidate out"
        )
    names = family.settings
    given: dict[str, str] = {}
    for key in settings:
        where = f"{params_yaml()}: candidates.{name}.{key}"
        if key not in names:
            fixed = (
                " that can be changed, because the project sets it" if key in family.fixed else ""
            )
            raise ParameterError(
                f"{where} is not a setting{fixed}{_guess(key, names)}; "
                f"valid settings: {', '.join(sorted(set(names.values())))}"
            )
        other = given.setdefault(names[key], key)
        if other != key:
            raise ParameterError(f"{where} is the same setting as {other}; keep only one of them")


def _guess(name: str, valid: Iterable[str]) -> str:
    close = get_close_matches(str(name), sorted(valid), n=3)
    return f", did you mean {' or '.join(close)}?" if close else ""
