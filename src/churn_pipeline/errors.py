"""Errors that a user can fix; the command line prints them as one sentence, without a traceback."""


class ChurnPipelineError(Exception):
    """A problem in the user's input (data, contract, parameters), with its remedy."""


class ContractError(ChurnPipelineError):
    """The data contract is malformed; the message names the key and the valid options."""


class DataError(ChurnPipelineError):
    """The customer table cannot be used; the message names the file and the remedy."""


class SourceChangedError(DataError):
    """The customer table was changed while it was read; the message names the file."""


class ParameterError(ChurnPipelineError):
    """A value in ``params.yaml`` is not usable; the message names the key and the valid options."""


class DatasetNameError(ChurnPipelineError):
    """There is no data set of that name, or cannot be one; the message names the valid ones."""


class GateError(ChurnPipelineError):
    """The model failed a quality gate; the message names each failed gate and the remedy."""


class RegistryError(ChurnPipelineError):
    """The model registry cannot do what was asked for; the message names the remedy."""


class TrackingError(RegistryError):
    """MLflow's store cannot be used; the message names its address and the remedy."""


class StorageError(ChurnPipelineError):
    """A file cannot be written; the message names the file and the remedy."""


class BundleError(ChurnPipelineError):
    """A bundle cannot be created or trusted; the message names the file and the remedy."""


class SimulationError(ChurnPipelineError):
    """A kind of simulated customers cannot be drawn; the message names the file, key and remedy."""


class UndoError(ChurnPipelineError):
    """There is no way back to the last commit; the message says why and what to do instead."""


class LedgerError(ChurnPipelineError):
    """The ledger cannot be read or written; the message names it and the remedy."""
