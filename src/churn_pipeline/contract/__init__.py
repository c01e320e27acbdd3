"""The data contract: what a customer table must look like, from the raw file to the API."""

from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.model import Column, Contract, DerivedColumn, RowRule
from churn_pipeline.contract.parsing import parse_contract

__all__ = ["Column", "Contract", "DerivedColumn", "Expression", "RowRule", "parse_contract"]
