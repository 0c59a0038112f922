"""What `pip install hector` brings: distributions and megabytes, beside their bars.

Builds the wheel, installs it into a fresh environment from the package index, with uv if it is
there and with this interpreter's pip otherwise, and counts what arrived. Bytecode is compiled, as
pip does by default, and counted.

    python benchmarks/install_size.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DISTRIBUTIONS_BAR = 40
MEGABYTES_BAR = 130.0  # 10^6 bytes, the sum of the sizes of the files


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def install(folder: Path) -> Path:
    """Build and install Hector below `folder`; returns the folder the distributions are in."""
    uv = shutil.which("uv")
    python = folder / "venv/bin/python"
    if uv:
        run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY)
        run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
        installer = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    else:
        pip = [sys.executable, "-m", "pip", "--quiet"]
        run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY)
        run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        installer = [*pip, "--python", python, "install"]
    (wheel,) = folder.glob("hector-*.whl")
    run(*installer, wheel)
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    return packages


def megabytes(distribution: Distribution) -> float:
    files = {Path(str(file.locate())).resolve() for file in distribution.files or ()}
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        packages = install(Path(name))
        found = list(distributions(path=[str(packages)]))
        sizes = {distribution.name: megabytes(distribution) for distribution in found}
        total = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) / 1e6
    for distribution, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"  {distribution:<45} {size:8.2f} MB")
    print("(each as in its wheel; the sum below has the bytecode too)")
    for title, value, bar in (
        ("distributions", len(sizes), DISTRIBUTIONS_BAR),
        ("megabytes", total, MEGABYTES_BAR),
    ):
        print(f"{title:<15} {value:6.1f}   bar {bar:6.1f}   {value / bar:.2f} of it")
    print(json.dumps({"distributions": len(sizes), "megabytes": round(total, 1)}))


if __name__ == "__main__":
    main()
