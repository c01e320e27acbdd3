"""A reproducible customer-churn system: Kedro and DVC in front, one scoring code behind."""

import os

# ONNX Runtime reports to its maker from 1.29 on, and looks once, when it is first used
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
