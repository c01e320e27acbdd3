"""A reproducible customer-churn system: Kedro and DVC in front, one scoring code behind."""

import os

from churn_pipeline import arithmetic as arithmetic  # before anything imports NumPy

# ONNX Runtime reports to its maker from 1.29 on, and looks once, when it is first used
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
