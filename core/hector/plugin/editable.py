"""Plugins installed as editable while the process runs: the interpreter reads their `.pth` files at its start only."""
# pyright: reportUnknownMemberType=false
# (importlib_metadata leaves some of its signatures without types)

from __future__ import annotations

import importlib.util
import site
import sys
from pathlib import Path

from importlib_metadata import Distribution

__all__ = ["reach"]


def reach(distribution: Distribution, module: str) -> None:
    """Read the `.pth` files of a distribution, as the next start of the interpreter would, if its module is not found.

    A file that cannot be read, and a line in it that fails, change nothing: the import says what is missing.

    Args:
        distribution: what is installed.
        module: what an entry point names, `package.module` or `package.module:attribute`.
    """
    package = module.partition(":")[0].partition(".")[0]
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        return
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if path.suffix == ".pth" and str(file) == path.name:
            site.addpackage(str(path.parent), path.name, None)
