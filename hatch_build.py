"""Compiles `src/egams/compiled` while a wheel or an editable install is made, where a compiler is.

Where there is none, or it fails, the package is installed without: NumPy does the work. The
same source is compiled once for each instruction set, and the processor chooses when egams runs.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

MODULE = "egams._compiled"
SOURCES = Path("src/egams/compiled")
# Contraction would round otherwise on processors that have a fused multiply-add.
FLAGS = ["-std=c11", "-O3", "-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi"]
MORE = {"avx2": ["-mavx2"], "avx512": ["-mavx512f"]}


class Kernel(build_ext):
    """The extension module: objects of each instruction set, linked with the module."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the work for each instruction set, then the module, and link them."""
        x86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
        for name, flags in {"plain": [], **(MORE if x86_64 else {})}.items():
            ext.extra_objects += self.compiler.compile(
                [str(SOURCES / "aspls.c"), str(SOURCES / "forest.c")],
                output_dir=str(Path(self.build_temp) / name),
                macros=[("FIT", f"fit_{name}"), ("ADD_TREES", f"add_trees_{name}")],
                extra_postargs=FLAGS + flags,
            )
        if x86_64:
            ext.define_macros.append(("WITH_AVX", None))
        super().build_extension(ext)


def compile_kernel(folder: Path) -> Path | None:
    """Compile into `folder`; None where that is not possible, with the reason on stderr."""
    module = Extension(
        MODULE,
        [str(SOURCES / "module.c")],
        extra_compile_args=["-std=c11"],
        libraries=["m"],
        py_limited_api=True,
        optional=True,
    )
    command = Kernel(Distribution({"name": "egams", "ext_modules": [module]}))
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()
    return next(folder.glob(f"{MODULE.replace('.', '/')}.*"), None)


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls before it makes a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the wheel after the platform if that went well."""
        del version
        os.chdir(self.root)
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            built = compile_kernel(Path(folder))
            places = SOURCES.parent
            for stale in places.glob("_compiled.*"):
                stale.unlink()
            if built is None:
                self.app.display_warning("No compiled code was made: NumPy does its work.")
                return
            # Renamed, not written over: a running process may have the old one loaded.
            built.replace(places / built.name)
        build_data["artifacts"].append(f"/{places / built.name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"cp311-abi3-{platform}"
