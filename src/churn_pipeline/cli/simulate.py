"""``kedro simulate``: draw customers of a kind into a file, with the truth beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectCommand, project_root
from churn_pipeline.cli.wait import wait_option
from churn_pipeline.locking import Place, hold, places_that_read

if TYPE_CHECKING:
    import pandas as pd

KINDS = Path("conf/base/simulation")
_ENDINGS = (".csv", ".parquet")


@wait_option
@click.command(cls=ProjectCommand)
@click.option(
    "--kind",
    default="telco",
    show_default=True,
    help=f"A file of {KINDS}, such as bank, usage or saas, or the path of your own .yml file.",
)
@click.option(
    "--customers",
    type=click.IntRange(min=1),
    default=7043,
    show_default=True,
    help="Number of customers; in a panel, of accounts.",
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, .csv or .parquet (default: data/01_raw/KIND.csv).",
)
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the true churn probabilities, .csv or .parquet (default: next to the output).",
)
@click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the kind. Can be repeated.",
)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.pass_obj
def simulate(
    metadata: ProjectMetadata | None,
    kind: str,
    customers: int,
    seed: int,
    output: Path | None,
    truth: Path | None,
    parameters: Sequence[str],
    force: bool,
) -> None:
    """Simulate customers of a kind of company, with known churn probabilities."""
    from churn_pipeline.simulation import read_kind
    from churn_pipeline.simulation import simulate as draw

    root = project_root(metadata)
    file = Path(kind) if kind.endswith((".yml", ".yaml")) else root / KINDS / f"{kind}.yml"
    output = output or root / "data/01_raw" / f"{file.stem}.csv"
    truth = truth or output.with_name(f"{output.stem}_truth{output.suffix}")
    _check_targets(output, truth, force)
    click.get_current_context().with_resource(hold(_places(root, output, truth)))
    described = read_kind(file)
    number = described.constants.get(described.panel.snapshots, 1) if described.panel else 1
    label = f"Drawing {customers:,} customers of {file.stem}"
    with click.progressbar(length=int(number), label=label) as bar:
        drawn = draw(
            described, customers, seed, _values(parameters), lambda done, of: _show(bar, done, of)
        )
        _show(bar, 1, 1)
    for path, table in ((output, drawn.customers), (truth, drawn.truth)):
        _write(table, path)
        click.echo(f"{path}: {len(table):,} rows")


def _check_targets(output: Path, truth: Path, force: bool) -> None:
    if output.resolve() == truth.resolve():
        raise click.ClickException("--output and --truth must be different files")
    for option, path in (("--output", output), ("--truth", truth)):
        if path.suffix not in _ENDINGS:
            raise click.ClickException(
                f"{option} must end in {' or '.join(_ENDINGS)}, not {path.name!r}"
            )
        if path.exists() and not force:
            raise click.ClickException(f"{path} exists; choose another {option} or add --force")


def _places(root: Path, *outputs: Path) -> list[Place]:
    """Return the data sets whose table is about to be replaced."""
    found = {item for path in outputs if path.exists() for item in places_that_read(root, path)}
    return list(found)


def _values(parameters: Sequence[str]) -> dict[str, Any]:
    values = {}
    for parameter in parameters:
        name, is_given, text = parameter.partition("=")
        value = yaml.safe_load(text) if is_given else None
        if value is None or isinstance(value, str | list | dict):
            raise click.BadParameter(
                f"{parameter!r} is not NAME=VALUE with a number or a date", param_hint="--set"
            )
        values[name] = value
    return values


def _show(bar: Any, done: int, of: int) -> None:
    bar.length = max(of, bar.length)
    bar.update(done * bar.length // of - bar.pos)


def _write(table: "pd.DataFrame", path: Path) -> None:
    from churn_pipeline.io.atomic import CSVDataset, ParquetDataset

    path = path.resolve()
    if path.suffix == ".parquet":
        ParquetDataset(filepath=str(path), save_args={"index": False}).save(table)
    else:
        save_args = {"index": False, "lineterminator": "\n", "float_format": "%.12g"}
        CSVDataset(filepath=str(path), save_args=save_args).save(table)
