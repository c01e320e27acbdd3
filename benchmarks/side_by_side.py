"""Start two to four commands on one data set at random moments and see that they do not mix.

Each trial draws commands (`kedro run` with one split or another, `dvc repro`, an experiment,
scoring, a promotion, a reload of a running service), offsets, and who waits for the others. After
it:

- every command ended 0, or with one sentence, and none with a traceback;
- a run that ended 0 printed the figures of its own parameters;
- the files are those of the run that ended last, every byte, as undisturbed runs make them;
- the service answers, `dvc status` works, and nothing half-written is left.

Works in a small temporary clone of the last commit. Exits 1 at the first trial that breaks a rule.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

import yaml
from tqdm import tqdm

from benchmarks.move_copy_kill import checksums
from churn_pipeline.serving.identity.caller import SCOPES
from churn_pipeline.serving.identity.key_changes import create_key

_ROOT = Path(__file__).resolve().parents[1]
_OTHER = "split.seed=7"
_SCORES = ("scores.csv", "rejected_to_score.parquet")
_BUSY = re.compile(r"another run of the built-in data set is in progress \(pid \d+, .*, since .*\)")
_FIGURES = re.compile(r"^ +ROC-AUC.*", re.MULTILINE)
_RELOAD = "reload"
_SERVICE = "churn_pipeline.serving.service:ChurnService"


@dataclass(frozen=True)
class Kind:
    """A command.

    Attributes
    ----------
    name : str
    words : tuple of str
        The command; of a reload, nothing.
    split : str or None
        Whose split the files are made by afterwards; None: they stay as they are. ``params``: as
        params.yaml says, which an experiment changes.
    """

    name: str
    words: tuple[str, ...]
    split: str | None


KINDS = (
    Kind("kedro run", ("kedro", "run"), "params"),
    Kind("kedro run, other split", ("kedro", "run", f"--params={_OTHER}"), "other"),
    Kind("dvc repro", ("dvc", "repro"), "params"),
    Kind("dvc repro -f", (sys.executable, "-m", "dvc", "repro", "-f"), "params"),
    Kind("dvc exp run", ("dvc", "exp", "run", "-S", _OTHER), "experiment"),
    Kind("scoring", ("kedro", "run", "--pipelines", "scoring"), None),
    Kind("promote", ("kedro", "model", "promote", "--reason", "a trial"), None),
    Kind(_RELOAD, (), None),
)


@dataclass
class Started:
    """A command of a trial, with its output and the moment of its end."""

    kind: Kind
    process: subprocess.Popen[bytes] | None
    log: Path
    code: int | None = None
    ended: float = 0.0
    text: str = field(default="", repr=False)

    def look(self) -> bool:
        """Note its end; say whether it has come."""
        if self.code is None and self.process is not None and self.process.poll() is not None:
            self.code, self.ended = self.process.returncode, time.monotonic()
            self.text = self.log.read_text(encoding="utf-8", errors="replace")
        return self.code is not None


class BrokenRuleError(Exception):
    """A trial ended otherwise than it should; the message says how."""


class Checkout:
    """A small project in which commands run, and what undisturbed runs made in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        tools = Path(sys.executable).parent
        foreign = ("KEDRO_", "DVC_", "CHURN_", "MLFLOW_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**kept, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self.files: dict[str, dict[str, str]] = {}
        self.figures: dict[str, str] = {}
        self.unstable: set[str] = set()

    def prepare(self) -> None:
        """Shrink it, and run every split undisturbed."""
        subprocess.run(["git", "clone", "-q", str(_ROOT), str(self.root)], check=True)
        _shrink(self.root / "params.yaml")
        for words in (("user.name", "Trials"), ("user.email", "trials@example.org")):
            self.run("git", "config", *words)
        self.run("git", "commit", "-qam", "small")
        self._note("other", "kedro", "run", f"--params={_OTHER}")
        self._note("own", "kedro", "run")
        first = self.files["own"]
        self.run("kedro", "model", "promote", "--reason", "the first")
        self._note("own", "kedro", "run")
        # what a champion changes
        second = self.files["own"]
        self.unstable = {path for path, digest in first.items() if second[path] != digest}
        self.run("dvc", "commit", "--force", "dvc.yaml")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "reproduced")

    def _note(self, split: str, *command: str) -> None:
        text = self.run(*command)
        self.files[split] = self.sums()
        self.figures[split] = _FIGURES.search(text).group()  # type: ignore[union-attr]

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return what it said."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BrokenRuleError(f"{' '.join(command)}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout + done.stderr

    def start(self, kind: Kind, waits: bool, log: Path) -> subprocess.Popen[bytes]:
        """Start a command that may wait for others."""
        variables = {**self.environment, **({"CHURN_WAIT": "1"} if waits else {})}
        with log.open("wb") as output:
            return subprocess.Popen(
                kind.words, cwd=self.root, env=variables, stdout=output, stderr=subprocess.STDOUT
            )

    def sums(self) -> dict[str, str]:
        """Return the hash of every file of the training."""
        return {
            path: digest
            for path, digest in checksums(self.root).items()
            if not path.endswith(_SCORES) and "/09_serving/" not in path
        }

    def reset(self) -> None:
        """Take an experiment's parameters back."""
        self.run("git", "reset", "-q")
        self.run("git", "checkout", "-q", "--", "params.yaml")

    def split(self) -> str | None:
        """Return the undisturbed run whose files these are; None if they are of several."""
        present = self.sums()
        for name, expected in self.files.items():
            stable = expected.keys() - self.unstable
            if present.keys() >= expected.keys() and all(present[p] == expected[p] for p in stable):
                return name
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of commands and moments")
    parser.add_argument(
        "--spread", type=float, default=6.0, help="seconds that starts are spread over"
    )
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder) / "project")
        checkout.prepare()
        with _service(checkout) as reload:
            for number in tqdm(range(1, arguments.trials + 1), desc="trials", mininterval=20):
                kinds = generator.choices(KINDS, k=generator.choice((2, 3, 4)))
                moments = sorted(generator.uniform(0, arguments.spread) for _ in kinds)
                waits = [generator.random() < 0.3 for _ in kinds]
                try:
                    started = _trial(checkout, reload, kinds, moments, waits, Path(folder))
                except BrokenRuleError as error:
                    plan = [f"{k.name} at {m:.1f}" for k, m in zip(kinds, moments, strict=True)]
                    print(f"trial {number} ({'; '.join(plan)}): {error}")
                    return 1
                for item in started:
                    counts[item.kind.name, "ended 0" if item.code == 0 else "refused"] += 1
    for (name, end), count in sorted(counts.items()):
        print(f"{name:24} {end:8} {count:5}")
    print(f"{arguments.trials} trials, {sum(counts.values())} commands, no rule broken")
    return 0


def _trial(
    checkout: Checkout,
    reload: "Reload",
    kinds: Sequence[Kind],
    moments: Sequence[float],
    waits: Sequence[bool],
    folder: Path,
) -> list[Started]:
    checkout.reset()
    before = checkout.split()
    begin = time.monotonic()
    started: list[Started] = []
    for number, (kind, moment, wait) in enumerate(zip(kinds, moments, waits, strict=True)):
        while time.monotonic() - begin < moment:
            time.sleep(0.02)
            _look(started)
        log = folder / f"{number}.log"
        if kind.name == _RELOAD:
            started.append(Started(kind, None, log, reload(), time.monotonic()))
        else:
            started.append(Started(kind, checkout.start(kind, wait, log), log))
    while not _look(started):
        time.sleep(0.05)
    _judge(checkout, reload, started, before)
    return started


def _look(started: Sequence[Started]) -> bool:
    """Note who has ended; say whether all have."""
    ended = [item.look() for item in started]
    return all(ended)


def _judge(
    checkout: Checkout, reload: "Reload", started: Sequence[Started], before: str | None
) -> None:
    split, params = before, "own"
    for item in sorted(started, key=lambda item: item.ended):
        _judge_end(item)
        if item.code != 0 or item.kind.split is None:
            continue
        params = "other" if item.kind.split == "experiment" else params
        split = {"params": params, "experiment": "other"}.get(item.kind.split, "other")
        printed = _FIGURES.findall(item.text)
        if any(line != checkout.figures[split] for line in printed):
            raise BrokenRuleError(
                f"{item.kind.name} printed {printed}, not {checkout.figures[split]}"
            )
    found = checkout.split()
    if found is None or found != split:
        raise BrokenRuleError(f"the files are of {found or 'several runs'}, not of {split}")
    leftovers = [path.name for path in (checkout.root / "data").rglob(".*.partial")]
    if leftovers:
        raise BrokenRuleError(f"left: {', '.join(leftovers)}")
    if not reload.is_ready():
        raise BrokenRuleError("the service does not answer")
    checkout.run("dvc", "status")


def _judge_end(item: Started) -> None:
    if "Traceback" in item.text:
        raise BrokenRuleError(f"{item.kind.name} ended in a traceback: {item.text[-1500:]}")
    is_said = _BUSY.search(item.text) or (item.kind.name == "promote" and "Error: " in item.text)
    if item.code != 0 and not is_said and item.kind.name != _RELOAD:
        raise BrokenRuleError(f"{item.kind.name} ended {item.code}: {item.text[-1500:]}")


class Reload:
    """Asks the service to load its bundle anew."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self) -> int:
        """Return 0 or the status of the refusal; it is an answer of the service's in any case."""
        request = urllib.request.Request(
            f"{self._url}/v1/admin/reload", b"{}", self._headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                json.load(answer)
            return 0
        except urllib.error.HTTPError as refusal:
            body = json.load(refusal)
            if refusal.code >= 500 and refusal.code != 503:
                raise BrokenRuleError(f"the reload was answered {refusal.code}: {body}") from None
            return refusal.code

    def is_ready(self) -> bool:
        """Tell whether the service answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=60) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def _service(checkout: Checkout) -> Iterator[Reload]:
    token, _ = create_key(checkout.root / "conf/local/api_keys.json", "trials", SCOPES)  # type: ignore[arg-type]
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "bentoml", "serve", _SERVICE, "--host", "127.0.0.1"]
    variables = {**checkout.environment, "PYTHONPATH": str(checkout.root / "src")}
    variables["BENTOML_HOME"] = str(checkout.root.parent / "bentoml")
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=checkout.root,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    reload = Reload(port, token)
    try:
        while not reload.is_ready():
            if server.poll() is not None:
                raise BrokenRuleError("the service did not start")
            time.sleep(0.2)
        yield reload
    finally:
        server.terminate()
        server.wait(60)


def _shrink(params: Path) -> None:
    document = yaml.safe_load(params.read_text(encoding="utf-8"))
    document["candidates"] = {"logistic_regression": document["candidates"]["logistic_regression"]}
    changes: Mapping[str, Mapping[str, object]] = {
        "simulation": {"customers": 600},
        "combinations": {"most": 0},
        "tuning": {"trials": 1, "folds": 2, "workers": 1},
        "training": {"folds": 2, "repeats": 1},
        "evaluation": {"replicates": 50},
        "gates": {
            "minimum_roc_auc": 0.55,
            "minimum_calibration_slope": None,
            "minimum_calibration_intercept": None,
            "maximum_calibration_intercept": None,
            "maximum_scoring_milliseconds": 1000,
            "no_regression": False,
        },
    }
    for section, values in changes.items():
        document[section] |= values
    params.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
