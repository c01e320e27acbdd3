"""The commands of ``kedro api-key`` about tokens of an identity provider."""

from pathlib import Path
from typing import cast

import click

from churn_pipeline.commands import Command
from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.audit.key_changes import audit_key, audited
from churn_pipeline.serving.identity.revocations import restore, revoke
from churn_pipeline.serving.identity.token_settings import TokenSettings
from churn_pipeline.serving.settings import load_settings

_jti = click.option("--jti", help="Claim `jti` of a token.")
_subject = click.option("--subject", help="Claim `sub`: all tokens of it, also later ones.")
_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the revoked tokens; by default serving.tokens.revoked of params.yaml.",
)


@click.command("revoke-token", cls=Command)
@_jti
@_subject
@_file
def revoke_token(jti: str | None, subject: str | None, file: Path | None) -> None:
    """Refuse a token of the identity provider, or all tokens of a subject."""
    path = _revoked_path(jti, subject, file)
    with audited(path, file) as write:
        revoke(path, jti, subject)
        write("token_revoked", audit_key(load_settings().api_keys), jti=jti, subject=subject)
    click.echo(f"{_named(jti, subject)} is revoked")


@click.command("restore-token", cls=Command)
@_jti
@_subject
@_file
def restore_token(jti: str | None, subject: str | None, file: Path | None) -> None:
    """Take back what `revoke-token` did."""
    path = _revoked_path(jti, subject, file)
    with audited(path, file) as write:
        if not restore(path, jti, subject):
            raise click.ClickException(f"{path} does not name {_named(jti, subject)}")
        write("token_restored", audit_key(load_settings().api_keys), jti=jti, subject=subject)
    click.echo(f"{_named(jti, subject)} is no longer revoked")


@click.command("id-of", cls=Command)
@click.argument("subject")
def id_of(subject: str) -> None:
    """Print the id by which audit log and limits know SUBJECT, the claim `sub` of tokens."""
    from churn_pipeline.serving.identity.verification import subject_id  # loads the cryptography

    click.echo(subject_id(_token_settings().issuer, subject))


def _revoked_path(jti: str | None, subject: str | None, file: Path | None) -> Path:
    if bool(jti) == bool(subject):
        raise click.UsageError("give either --jti or --subject")
    return file or cast(Path, _token_settings().revoked)


def _token_settings() -> TokenSettings:
    settings = load_settings().tokens
    if settings is None:
        raise ParameterError("serving.tokens is null in params.yaml: no tokens are taken")
    return settings


def _named(jti: str | None, subject: str | None) -> str:
    return f"the token {jti!r}" if jti else f"the subject {subject!r}"
