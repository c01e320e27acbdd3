"""The data contract as a catalog dataset."""

from pathlib import Path
from typing import Any

import yaml
from kedro.io import AbstractDataset

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.errors import ContractError
from churn_pipeline.staging import replacing


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML itself lets the last of two equal keys win, in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} occurs twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class ContractDataset(AbstractDataset[Contract, Contract]):
    """Loads ``contract.yml`` as a :class:`~churn_pipeline.contract.Contract`.

    Only a contract of the pipeline's own making is ever saved; see ``writable``.

    Parameters
    ----------
    filepath : str
        Path of the YAML file.
    writable : bool
        Whether the pipeline may write it; contracts are written by people.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self, *, filepath: str, writable: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self._writable = writable
        self.metadata = metadata

    def load(self) -> Contract:
        name = self._filepath.name
        try:
            text = self._filepath.read_text(encoding="utf-8")
            document = yaml.load(text, Loader=_UniqueKeyLoader)
        except FileNotFoundError:
            raise ContractError(
                f"{self._filepath} does not exist; the contract is needed"
            ) from None
        except UnicodeDecodeError:
            raise ContractError(f"{name} is not UTF-8; save it again with that encoding") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise ContractError(
                f"{name} is not valid YAML ({place}{error.problem}); look at the indentation and "
                "the quotes there"
            ) from None
        except yaml.YAMLError as error:
            raise ContractError(
                f"{name} is not valid YAML: {' '.join(str(error).split())}"
            ) from None
        return parse_contract(document, source=name)

    def save(self, data: Contract) -> None:
        if not self._writable:
            raise ContractError(f"{self._filepath.name} is written by hand, not by the pipeline")
        text = yaml.safe_dump(
            contract_document(data), sort_keys=False, width=100, allow_unicode=True
        )
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._filepath) as staged:
            staged.write_text(text, encoding="utf-8")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.exists()
