"""The models that answer: a champion and perhaps a challenger, swapped as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.scorer import InvalidRecord, Scorer
from churn_pipeline.serving.settings import Mode, ServingSettings

MODES: tuple[Mode, ...] = get_args(Mode)


class DeploymentError(ChurnPipelineError):
    """A deployment that cannot answer requests; the message names the key and the remedy."""


@dataclass(frozen=True)
class Plan:
    """Which bundles shall answer, and how they share the customers.

    Attributes
    ----------
    champion : str
        Folder of the bundle that answers.
    challenger : str or None
        Folder of a second bundle.
    mode : {"champion", "shadow", "split"}
        Who answers: the champion; the champion while the challenger scores silently; both, each
        its share of the customers.
    challenger_share : float
        Share of customers that ``split`` gives to the challenger, 0 to 1.
    unseen_category : {"refuse", "missing"}
        What becomes of a category that the model has not seen.
    """

    champion: str
    challenger: str | None = None
    mode: Mode = "champion"
    challenger_share: float = 0.0
    unseen_category: str = "refuse"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise DeploymentError(f"mode is {self.mode!r}; it must be one of {', '.join(MODES)}")
        if self.mode != "champion" and self.challenger is None:
            raise DeploymentError(f"mode {self.mode} needs a challenger: the folder of a bundle")
        if not 0 <= self.challenger_share <= 1:
            raise DeploymentError(
                f"challenger_share is {self.challenger_share:g}; it must be from 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class Variant:
    """A loaded model in its role."""

    name: Literal["champion", "challenger"]
    scorer: Scorer
    version: str
    id_name: str

    @property
    def gates_passed(self) -> int:
        """How many quality gates the model passed before it was packaged."""
        return gates_passed(self.scorer)

    def described(self, folder: str | None) -> dict[str, Any]:
        """Say for people which bundle it is."""
        return {"folder": folder, "version": self.version, "gates_passed": self.gates_passed}


@dataclass(frozen=True)
class Deployment:
    """What answers now. It never changes: another deployment takes its place as a whole.

    Attributes
    ----------
    plan : Plan
    champion : Variant
    challenger : Variant or None
    silent : Variant or None
        The challenger, if it scores without answering.
    split : int
        Customers whose hash lies below are the challenger's.
    """

    plan: Plan
    champion: Variant
    challenger: Variant | None
    silent: Variant | None
    split: int

    def answering(self, customer_id: str) -> Variant:
        """Return the variant that answers for a customer, always the same for the same id."""
        if self.split and self.challenger is not None and _hash(customer_id) < self.split:
            return self.challenger
        return self.champion

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The champion, then the challenger if there is one."""
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    def versions(self) -> dict[str, Any]:
        """Say for logs which versions answer."""
        return {
            "champion": self.champion.version,
            "challenger": self.challenger and self.challenger.version,
            "mode": self.plan.mode,
            "challenger_share": self.plan.challenger_share,
        }

    def described(self) -> dict[str, Any]:
        """Say for people which versions answer and how they share the customers."""
        return {
            "mode": self.plan.mode,
            "champion": self.champion.described(self.plan.champion),
            "challenger": self.challenger and self.challenger.described(self.plan.challenger),
            "challenger_share": self.plan.challenger_share if self.plan.mode == "split" else None,
        }


def described(versions: Mapping[str, Any] | None) -> str:
    """Return :meth:`Deployment.versions` as words for a log line."""
    if versions is None:
        return "nothing"
    words = [f"champion {versions['champion']}"]
    if versions["challenger"]:
        words.append(f"challenger {versions['challenger']} ({versions['mode']})")
    return ", ".join(words)


def gates_passed(scorer: Scorer) -> int:
    """Return how many quality gates the bundle says that its model passed."""
    passed = scorer.description.get("gates_passed")
    return passed if type(passed) is int else 0


def check_gates(scorer: Scorer, folder: str) -> None:
    """Refuse a model that passed no quality gate.

    Raises
    ------
    DeploymentError
        Naming the bundle's folder and the remedy.
    """
    if gates_passed(scorer) < 1:
        raise DeploymentError(
            f"{folder}: its model {scorer.version} has passed no quality gate; package one that "
            "has, or set serving.allow_ungated: true to let it answer nevertheless"
        )


def deploy(plan: Plan, champion: Scorer, challenger: Scorer | None) -> Deployment:
    """Put loaded scorers into their roles, after each has scored an example.

    Raises
    ------
    DeploymentError
        If a scorer cannot score its example, or the challenger not the champion's.
    """
    variants = [_variant("champion", champion)]
    if challenger is not None:
        variants.append(_variant("challenger", challenger))
    for variant in variants:
        _try(variant, champion)
    second = variants[1] if challenger is not None else None
    return Deployment(
        plan=plan,
        champion=variants[0],
        challenger=second,
        silent=second if plan.mode == "shadow" else None,
        split=round(plan.challenger_share * 2**64) if plan.mode == "split" else 0,
    )


def _variant(name: Literal["champion", "challenger"], scorer: Scorer) -> Variant:
    return Variant(name, scorer, scorer.version, scorer.contract.id.name)


def _try(variant: Variant, champion: Scorer) -> None:
    scorer = variant.scorer
    try:
        if scorer.contract.id.name != champion.contract.id.name:
            raise DeploymentError(
                f"{variant.name}: its customer id is {scorer.contract.id.name}, the champion's "
                f"{champion.contract.id.name}; package both from the same contract"
            )
        customer = scorer.read_fields(champion.example)
        for _ in range(3):  # the first run of a session is slower than all others
            scorer.score([customer])
        scorer.explain([customer])
    except InvalidRecord as error:
        raise DeploymentError(
            f"{variant.name}: it refuses the champion's example record "
            f"({error.errors[0].message}); package both from the same contract"
        ) from error


def _hash(customer_id: str) -> int:
    digest = blake2b(customer_id.encode(errors="surrogatepass"), digest_size=8, person=b"split")
    return int.from_bytes(digest.digest(), "big")


def configured_plan(settings: ServingSettings) -> Plan:
    """Return what the settings ask for."""
    return Plan(
        champion=str(settings.champion),
        challenger=None if settings.challenger is None else str(settings.challenger),
        mode=settings.mode,
        challenger_share=settings.challenger_share,
        unseen_category=settings.unseen_category,
    )
