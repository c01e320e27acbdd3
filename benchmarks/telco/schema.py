"""Column names, their order and their levels, spelled as in the published file."""

from __future__ import annotations

from typing import Final

ADD_ONS: Final = (
    "OnlineSecurity",
    "OnlineBackup",
    "DeviceProtection",
    "TechSupport",
    "StreamingTV",
    "StreamingMovies",
)

COLUMNS: Final = (
    "customerID",
    "gender",
    "SeniorCitizen",
    "Partner",
    "Dependents",
    "tenure",
    "PhoneService",
    "MultipleLines",
    "InternetService",
    *ADD_ONS,
    "Contract",
    "PaperlessBilling",
    "PaymentMethod",
    "MonthlyCharges",
    "TotalCharges",
    "Churn",
)

_FLAG = ("No", "Yes")

# The first level is the one every customer starts from before the splits move some of them.
LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "gender": ("Female", "Male"),
    "SeniorCitizen": ("0", "1"),
    "Partner": _FLAG,
    "Dependents": _FLAG,
    "PhoneService": ("Yes", "No"),
    "MultipleLines": ("No", "Yes", "No phone service"),
    "InternetService": ("No", "DSL", "Fiber optic"),
    **dict.fromkeys(ADD_ONS, ("No", "Yes", "No internet service")),
    "Contract": ("Month-to-month", "One year", "Two year"),
    "PaperlessBilling": _FLAG,
    "PaymentMethod": (
        "Electronic check",
        "Mailed check",
        "Bank transfer (automatic)",
        "Credit card (automatic)",
    ),
    "Churn": _FLAG,
}
