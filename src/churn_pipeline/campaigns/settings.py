"""The section ``campaign`` of ``params.yaml``."""

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ActionSettings(BaseModel):
    """An action; what it does not set is that of the section ``economics``."""

    model_config = _STRICT

    contact_cost: float | None = Field(None, ge=0)
    incentive_cost: float | None = Field(None, ge=0)
    acceptance_alpha: float | None = Field(None, gt=0)
    acceptance_beta: float | None = Field(None, gt=0)
    capacity: int | None = Field(None, ge=0)
    tiers: list[str] | None = Field(None, min_length=1)


class CampaignSettings(BaseModel):
    """What campaigns are planned by; ``kedro campaign plan --help`` has flags for some of it."""

    model_config = _STRICT

    actions: dict[str, ActionSettings] = Field(min_length=1)
    budget: float | None = Field(ge=0)
    contacts: int | None = Field(ge=0)
    held_out: float = Field(ge=0, lt=1)
    contact_days: int = Field(ge=0)
    days_between: int = Field(ge=0)
