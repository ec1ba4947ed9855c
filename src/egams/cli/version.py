"""`egams --version`, and with ``--verbose`` what a report of a fault should say."""

from __future__ import annotations

import typer


def print_version(context: typer.Context, wanted: bool) -> None:
    """Print the version, and end, if `wanted`."""
    if not wanted:
        return
    from egams import __version__

    typer.echo(f"egams {__version__}")
    if context.params.get("verbose"):
        import platform

        from egams.preprocess.kernel import kernel, kernels

        typer.echo(f"baseline kernel {kernel()}, of {', '.join(kernels())}")
        typer.echo(f"python {platform.python_version()}, {platform.platform()}")
        for name in ("numpy", "torch"):
            typer.echo(f"{name} {_installed(name)}")
    raise typer.Exit


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
