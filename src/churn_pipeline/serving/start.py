"""What is looked at once, before there are workers."""

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.serving.audit.names import check_folder
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.settings import ServingSettings


def check_files(settings: ServingSettings) -> None:
    """End the process with one sentence if keys, tokens or the audit log cannot be used.

    A worker would end by itself, but be started again and again.

    Raises
    ------
    SystemExit
    """
    try:
        KeyStore(settings.api_keys)
        if settings.tokens is not None:
            from churn_pipeline.serving.identity.tokens import Tokens  # loads the cryptography

            Tokens(settings.tokens)
        if settings.audit_to != "stdout":
            check_folder(settings.audit_log)
    except ChurnPipelineError as error:
        raise SystemExit(f"Error: {error}") from None
