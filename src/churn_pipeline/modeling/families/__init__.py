"""The model families, one module each: what may be an entry under ``candidates``.

:class:`~churn_pipeline.modeling.families.base.Family` says what a family is. The modules of this
package are looked up, so that a new one is found by being there.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from churn_pipeline.modeling.families.base import Family


def _found() -> Iterator[Family]:
    for module in iter_modules(__path__):  # sorted by name
        name = f"{__name__}.{module.name}"
        for item in vars(import_module(name)).values():
            if isinstance(item, type) and issubclass(item, Family) and item.__module__ == name:
                if item is not Family:
                    yield item()


FAMILIES: dict[str, Family] = {family.name: family for family in _found()}


def libraries(names: Iterable[str]) -> list[str]:
    """Return the modules that fit these families, sorted."""
    return sorted({library for name in names for library in FAMILIES[name].libraries})
