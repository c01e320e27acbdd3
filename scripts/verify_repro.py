"""Reproduce the last commit twice, as two people on two machines would: ``make verify-repro``.

Two fresh clones are reproduced from nothing (`dvc repro --force`), one after the other. They differ
in user, locale, time zone, hash seed, umask, name of the folder, number of cores and processor;
then every output is compared byte by byte. Exits 1 at a difference, and names the first one, in the
order of the stages, and its place in the file. Nothing is fetched: both use this project's .venv.

The project itself fixes the arithmetic of NumPy and OpenBLAS (`arithmetic.py`). So in the first
clone these variables are left to the project, on this processor as it is; in the second they are
set from outside, with the switches of the C library and of Arrow besides, such that nothing newer
than AVX2 is seen by anybody: a processor without AVX-512, whatever the project does. Where this
processor has no AVX-512 that changes nothing, and is said. `--without-avx2` switches off more than
any processor lacks for which the project promises equal bytes; it shows what is lost on others.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from benchmarks.move_copy_kill import scale_down
from scripts.compare_outputs import differences, files_of, outputs_of

_ROOT = Path(__file__).resolve().parents[1]
_NOBODY = 65534
_AVX2 = {"X86_V2", "X86_V3"}  # as NumPy names what comes with AVX2
_HWCAPS = ("AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ", "AVX512CD", "AVX512ER", "AVX512PF")
_INSTALLED = ("requirements.lock", "src/churn_pipeline/arithmetic.py", "scripts/install.sh")


@dataclass(frozen=True)
class Surroundings:
    """What a reproduction must not depend on.

    Attributes
    ----------
    folder : str
        Name of the clone.
    locale, time_zone : str
    hash_seed, umask, cores : int
    switches : mapping of str to str
        Variables that hide features of the processor.
    as_user : sequence of str
        Words before a command that run it as another user.
    """

    folder: str
    locale: str
    time_zone: str
    hash_seed: int
    umask: int
    cores: int
    switches: Mapping[str, str] = field(default_factory=dict)
    as_user: Sequence[str] = ()

    def environment(self, home: Path, project: Path) -> dict[str, str]:
        """Return the whole environment of its commands; nothing is taken over from the caller's."""
        tools = Path(sys.executable).parent
        return {
            "PATH": f"{tools}{os.pathsep}{os.defpath}{os.pathsep}/usr/local/bin",
            "HOME": str(home),
            "PYTHONPATH": str(project / "src"),  # before the editable installation of this project
            "LC_ALL": self.locale,
            "TZ": self.time_zone,
            "PYTHONHASHSEED": str(self.hash_seed),
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "DO_NOT_TRACK": "true",
            **self.switches,
        }

    def __str__(self) -> str:
        """Return one line for people."""
        user = "another user" if self.as_user else f"user {os.getuid()}"
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return (
            f"{user}, {self.locale}, {self.time_zone}, hash seed {self.hash_seed}, "
            f"umask {self.umask:03o}, {cores}, folder {self.folder!r}"
        )


class _FailedError(Exception):
    """The check could not be made, or the results differ; the message says why."""


def newer_than_avx2(found: Sequence[str]) -> list[str]:
    """Return those of the features that NumPy finds which not every processor with AVX2 has."""
    return [name for name in found if name not in _AVX2]


def switches(newer: Sequence[str], *, without_avx2: bool) -> dict[str, str]:
    """Return the variables that hide a processor's newer features from all who look for them.

    Parameters
    ----------
    newer : sequence of str
        What NumPy finds beyond AVX2.
    without_avx2 : bool
        Hide AVX2 and FMA as well.
    """
    hidden = [f"-{name}" for name in (*_HWCAPS, *(("AVX2", "FMA") if without_avx2 else ()))]
    features = [*(["X86_V3"] if without_avx2 else []), *(newer or ["X86_V4"])]
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(dict.fromkeys([*features, "X86_V4"])),
        "OPENBLAS_CORETYPE": "Nehalem" if without_avx2 else "Haswell",
        "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={','.join(hidden)}",
        "ARROW_USER_SIMD_LEVEL": "SSE4_2" if without_avx2 else "AVX2",
    }


def _features() -> list[str]:
    """Return what NumPy finds on this processor if the project switches nothing off."""
    code = "import numpy; print(*numpy.show_config('dicts')['SIMD Extensions'].get('found', []))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NPY_")}
    environment = {**kept, "NPY_DISABLE_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def _other_user() -> tuple[list[str], str]:
    """Return the words that run a command as another user, and why there are none."""
    if os.getuid() != 0:
        return [], "the user is not varied, for which this has to run as root"
    words = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    # this .venv and its Python may lie where others cannot read
    words += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if not shutil.which("setpriv"):
        return [], "the user is not varied, for which `setpriv` of util-linux is needed"
    done = subprocess.run([*words, sys.executable, "-c", ""], capture_output=True, check=False)
    if done.returncode:
        return [], f"the user is not varied: {done.stderr.decode(errors='replace').strip()}"
    return words, ""


def _another_locale() -> str:
    """Return a locale that writes numbers and sorts in another way, if one is installed."""
    done = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False)
    names = done.stdout.split()
    wanted = ("de_DE", "fr_FR", "tr_TR", "cs_CZ", "sv_SE", "C.utf8", "C.UTF-8")
    return next((name for start in wanted for name in names if name.startswith(start)), "POSIX")


def _reproduce(
    place: Path, commit: str, surroundings: Surroundings, *, is_small: bool, bar: "tqdm[Any]"
) -> Path:
    """Clone a commit and reproduce it; return the clone."""
    project, home = place / surroundings.folder, place / f"home of {surroundings.folder}"
    home.mkdir()
    _git("clone", "-q", "--no-local", "--no-checkout", str(_ROOT), str(project))
    _git("-C", str(project), "checkout", "-q", "--detach", commit)
    if is_small:
        scale_down(project / "params.yaml")
    if surroundings.as_user:
        for path in (home, project, *project.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    environment = surroundings.environment(home, project)

    def settle() -> None:
        os.umask(surroundings.umask)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: surroundings.cores])

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*surroundings.as_user, *command],
            cwd=project,
            env=environment,
            preexec_fn=settle,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    asked = start(sys.executable, "-c", "import churn_pipeline; print(churn_pipeline.__file__)")
    (used, _) = asked.communicate()
    if not used.strip().startswith(str(project)):
        raise _FailedError(f"the code of the clone is not what runs: {used.strip()}")
    begin = time.monotonic()
    process = start(sys.executable, "-m", "dvc", "repro", "--force")
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if stage := re.match(r"Running stage '(.+)'", line):
            bar.set_postfix_str(f"{surroundings.folder}: {stage[1]}")
            bar.update()
    if process.wait():
        raise _FailedError(
            f"the reproduction in {surroundings.folder!r} ({surroundings}) failed:\n"
            f"{''.join(said[-30:])}"
        )
    seconds = time.monotonic() - begin
    bar.write(f"        {surroundings.folder}: reproduced in {seconds:.0f} s", file=sys.stderr)
    return project


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise _FailedError(f"`git {words[0]}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _check_installation() -> None:
    changed = _git("-C", str(_ROOT), "diff", "--name-only", "HEAD", "--", *_INSTALLED)
    if changed:
        raise _FailedError(
            f"{', '.join(changed.split())} differ from the last commit, and .venv holds them: "
            "commit them, and run `make setup`"
        )


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Yield a folder that other users can enter; without a name it is removed at the end."""
    with contextlib.ExitStack() as stack:
        if kept is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verify-repro-")))
        else:
            place = kept.absolute()
            try:
                place.mkdir()
            except OSError as error:
                raise _FailedError(
                    f"--keep {kept}: {error.strerror}; name a new folder in one that exists"
                ) from None
        place.chmod(0o755)
        yield place


def verify(place: Path, *, is_small: bool, without_avx2: bool) -> str:
    """Reproduce twice in a folder and compare; return what was found equal.

    Raises
    ------
    _FailedError
        With the first difference, or with what kept the check from being made.
    """
    _check_installation()
    commit = _git("-C", str(_ROOT), "rev-parse", "HEAD")  # of both, whatever is committed meanwhile
    newer = newer_than_avx2(_features())
    as_user, why_not = _other_user()
    notes = [why_not] if why_not else []
    if not newer and not without_avx2:
        notes.append("the processor is not varied: this one has nothing newer than AVX2")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if cores < 2:
        notes.append("the number of cores is not varied: there is one")
    hidden = switches(newer, without_avx2=without_avx2)
    first = Surroundings("first", "C", "UTC", 0, 0o022, 1)
    second = Surroundings(
        "second folder", _another_locale(), "Asia/Kathmandu", 4711, 0o077, cores, hidden, as_user
    )
    stages = yaml.safe_load((_ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    begin = time.monotonic()
    with tqdm(total=2 * len(stages), unit="stage", disable=None) as bar:
        for name, surroundings in (("First ", first), ("Second", second)):
            bar.write(f"{name}  {surroundings}", file=sys.stderr)
        for name, value in hidden.items():
            bar.write(f"        {name}={value}", file=sys.stderr)
        for note in notes:
            bar.write(f"Note    {note}", file=sys.stderr)
        one, other = (
            _reproduce(place, commit, item, is_small=is_small, bar=bar) for item in (first, second)
        )
    outputs = list(dict.fromkeys([*outputs_of(one), *outputs_of(other)]))
    files = list(dict.fromkeys([*files_of(one, outputs), *files_of(other, outputs)]))
    found = list(differences(one, other, files))
    if found:
        others = "".join(f"\n  {item}" for item in found[1:])
        raise _FailedError(
            f"{len(found)} of {len(files)} files differ; the first: {found[0]}"
            + (f"\nThe others:{others}" if others else "")
        )
    size = sum((one / name).stat().st_size for name in files)
    return (
        f"Equal to the byte: {len(files)} files of {len(outputs)} outputs, {size / 1e6:.1f} MB, "
        f"in {time.monotonic() - begin:.0f} s{'; ' if notes else ''}{'; '.join(notes)}."
    )


def main() -> int:
    """Print the verdict; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="fewer customers, trials and models")
    parser.add_argument(
        "--without-avx2",
        action="store_true",
        help="as on a processor before AVX2, where differences are expected",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="a new folder in which both clones remain"
    )
    arguments = parser.parse_args()
    try:
        with _folder(arguments.keep) as place:
            print(verify(place, is_small=arguments.small, without_avx2=arguments.without_avx2))
    except _FailedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
