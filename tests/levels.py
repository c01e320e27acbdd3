"""The three levels of the tests, and what their folders cost.

``make test-fast`` (``--fast``) skips whatever starts a service, a browser, or a command of Kedro or
DVC, and what is marked ``slow``; ``make test`` is the default, and ``make test-all`` (``--full``)
runs it at full sizes (:mod:`tests.sizes`). At the end of a run of all tests the folders that cost
most are listed, in seconds of CPU, which do not depend on what else the machine does; so are those
over their budget (``tests/budgets.toml``).
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import sizes

_TESTS = Path(__file__).parent
_BUDGETS = _TESTS / "budgets.toml"
_LISTED = 8
# what --fast does not start; a program, or the module of `python -m`
_SYSTEMS = {
    *(
        "bentoml",
        "build_bento.py",
        "chromedriver",
        "docker",
        "dvc",
        "initdb",
        "kedro",
        "locust",
        "moto_server",
    ),
    *("pg_ctl", "postgres", "promtool", "redis-server", "uv"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("levels")
    group.addoption("--fast", action="store_true", help="skip tests that start other programs")
    group.addoption("--full", action="store_true", help="try as much as `make test-all` does")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--full"):
        os.environ[sizes.FULL] = "1"
    sizes.load_profile()
    if config.getoption("--fast"):
        _refuse_systems()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--fast") and collection_path == _TESTS / "e2e":
        return True  # each starts something, and its fixtures copy the project first
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("full") and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason="at full size only: make test-all"))
        if item.get_closest_marker("slow") and config.getoption("--fast"):
            item.add_marker(pytest.mark.skip(reason="takes seconds, and `make test` runs it"))


def _refuse_systems() -> None:
    """Skip a test, or all those of a fixture, at the moment at which it starts such a program."""
    start = subprocess.Popen.__init__

    def start_others(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        if found := _system(args):
            pytest.skip(f"starts {found}, which `make test` does")
        start(self, args, *rest, **options)

    subprocess.Popen.__init__ = start_others  # type: ignore[method-assign]


def _system(args: Any) -> str | None:
    words = args.split() if isinstance(args, str) else [str(word) for word in args]
    names = [Path(word).name for word in words[:4]]
    return next((name for name in names if name in _SYSTEMS), None)


# --- what the folders cost ----------------------------------------------------------------------

_spent = pytest.StashKey[float]()


def _cpu() -> float:
    """Return the CPU seconds of this process and of those it has waited for."""
    return sum(os.times()[:4])


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    item.stash[_spent] = _cpu()
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    now = _cpu()
    outcome.get_result().cpu_seconds = now - item.stash.get(_spent, now)
    item.stash[_spent] = now


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not _is_whole(config):
        return
    spent: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                spent[_folder(report.nodeid)] += getattr(report, "cpu_seconds", 0.0)
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    budgets = tomllib.loads(_BUDGETS.read_text(encoding="utf-8"))[_level(config)]
    write = terminalreporter.write_line
    terminalreporter.section(f"CPU seconds by folder, and budgets ({_BUDGETS.name})")
    for folder, seconds in ordered[:_LISTED]:
        write(f"{seconds:8.1f}  of {budgets.get(folder, budgets['other']):4}  tests/{folder}")
    write(f"{sum(spent.values()):8.1f}  of {budgets['all']:4}  all")
    for folder, seconds in [*ordered, ("all", sum(spent.values()))]:
        budget = budgets.get(folder, budgets["other"])
        if seconds > budget:
            write(
                f"warning: tests/{folder} took {seconds:.0f} CPU seconds, more than its budget of "
                f"{budget}; make its tests cheaper, or say in {_BUDGETS.name} why it needs more",
                yellow=True,
            )


def _folder(nodeid: str) -> str:
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else "."


def _is_whole(config: pytest.Config) -> bool:
    """Whether all tests ran: budgets are of whole folders."""
    named = [arg for arg in config.args if Path(arg.partition("::")[0]).resolve() != _TESTS]
    return not named and not config.option.keyword and not config.option.markexpr


def _level(config: pytest.Config) -> str:
    if config.getoption("--fast"):
        return "fast"
    return "full" if config.getoption("--full") else "default"
