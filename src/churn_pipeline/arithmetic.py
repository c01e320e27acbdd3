"""The same arithmetic on every x86-64 processor with AVX2; has its effect when it is executed.

NumPy and OpenBLAS choose their loops by the processor. Those for AVX-512 round the last bit of some
floats differently, so that results and hashes would depend on the machine. Both read variables of
the environment when they are loaded, hence this has to run before anything imports NumPy:

- every Python of ``.venv`` executes this file when it starts, by a line that ``scripts/install.sh``
  writes into its site-packages: `kedro`, `dvc`, `pytest`, `bentoml`, notebooks;
- ``churn_pipeline`` executes it when it is imported, for environments made in another way, such as
  the container.

What the user has set is left alone. Elsewhere (ARM, processors before AVX2) nothing is set: results
agree within rounding there, and bytes repeat on one machine.
"""

import os

SETTINGS = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
}
# without AVX2, which OpenBLAS does not check for, its Haswell loops would end in SIGILL
NEEDED = (b" avx2 ", b" fma ")
_CPUS = "/proc/cpuinfo"


def settings(machine: str, cpu_flags: bytes) -> dict[str, str]:
    """Return the variables for a processor.

    Parameters
    ----------
    machine : str
        As ``os.uname`` names the architecture.
    cpu_flags : bytes
        Its features as Linux lists them, between blanks.
    """
    is_known = machine == "x86_64" and all(flag in cpu_flags for flag in NEEDED)
    return SETTINGS if is_known else {}


def fix_arithmetic() -> None:
    """Set the variables for this process and its children, before NumPy is imported."""
    try:
        with open(_CPUS, "rb") as file:  # noqa: PTH123 - every Python pays for what is imported
            flags = next((line for line in file if line.startswith(b"flags")), b"")
        found = settings(os.uname().machine, flags.replace(b"\n", b" "))
    except (OSError, AttributeError):  # no Linux
        return
    if "NPY_ENABLE_CPU_FEATURES" in os.environ:  # NumPy refuses to load with both
        found = {name: value for name, value in found.items() if not name.startswith("NPY_")}
    for name, value in found.items():
        os.environ.setdefault(name, value)


fix_arithmetic()
