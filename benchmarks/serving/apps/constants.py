"""The constant answer: as long and as deep as a real one."""

from typing import Final

ANSWER: Final = {
    "customerID": "7590-VHVEG",
    "churn_probability": 0.6394821405410767,
    "tier": "high",
    "recommended_action": "call within the week",
    "contact": True,
    "expected_profit": 31.415926535,
    "model_version": "0123456789ab",
    "request_id": "0123456789abcdef",
}
