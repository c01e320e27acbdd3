"""Put the public Telco file to data/01_raw/telco.csv, verified by its sha256."""

import argparse
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from pathlib import Path

from dvc.repo import Repo

from churn_pipeline.staging import staged_path

_TARGET = Path(__file__).resolve().parents[1] / "data" / "01_raw" / "telco.csv"
_ADDRESS = (
    "https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/"
    "Telco-Customer-Churn.csv"
)
_SHA256 = "16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91"


def fetch(source: str, target: Path) -> str:
    """Copy ``source`` (an address or a path) to ``target`` if its bytes are the expected ones.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    SystemExit
        With a sentence that says what to do, if the file cannot be had or is another one.
    """
    if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == _SHA256:
        return f"{target} is already there"
    try:
        if source.startswith("https://"):
            with urllib.request.urlopen(source, timeout=30) as answer:
                content = answer.read()
        else:
            content = Path(source).expanduser().read_bytes()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        sys.exit(
            f"cannot reach {source} ({reason}); download it elsewhere and run "
            "`make telco TELCO_CSV=path/to/Telco-Customer-Churn.csv`"
        )
    except OSError as error:
        sys.exit(f"cannot read {source} ({error.strerror}); give the path of the Telco CSV file")
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        sys.exit(
            f"{source} is not the expected file: its sha256 is {found} instead of {_SHA256}; "
            "nothing was written. A copy with other line endings or columns is another data set: "
            "set ingestion.source in params.yaml to its path instead"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_path(target)
    staged.write_bytes(content)
    staged.replace(target)
    return f"{target} written"


def store_in_dvc_cache(target: Path) -> None:
    """Let DVC restore the file from its cache from now on (``dvc checkout``).

    ``dvc commit`` would ask the file's address, and so need a network.
    """
    with Repo(str(_TARGET.parents[2])) as repo, repo.lock:
        for stage in repo.stage.load_file(f"{target}.dvc"):
            for output in stage.outs:
                output.commit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", default=_ADDRESS, help="address or path")
    arguments = parser.parse_args()
    print(fetch(arguments.source, _TARGET))
    store_in_dvc_cache(_TARGET)
    print("Use it: dvc exp run -S ingestion.source=data/01_raw/telco.csv")
