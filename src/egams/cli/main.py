"""`egams`: the list of commands, its version, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from egams.cli.bundle import bundle
from egams.cli.compare import compare
from egams.cli.cross_validate import cross_validate
from egams.cli.demo import demo
from egams.cli.evaluate import evaluate
from egams.cli.explain import explain
from egams.cli.export import export
from egams.cli.inspect import inspect
from egams.cli.library import library_app
from egams.cli.options import REFUSED
from egams.cli.peaks import peaks
from egams.cli.plot import plot
from egams.cli.predict import predict
from egams.cli.prepare import prepare
from egams.cli.report import report
from egams.cli.serve import serve
from egams.cli.simulate import simulate
from egams.cli.start import INTERRUPTED, process
from egams.cli.study import study_app
from egams.cli.teach import teach
from egams.cli.verify import verify
from egams.cli.zoo import zoo
from egams.errors import EgamsError
from egams.extras import not_installed
from egams.full_disk import DiskFullError, is_full
from egams.jobs.stopping import StoppedError
from egams.plain import plain_text

__all__ = ["app", "main", "process"]

# Rich would format help and tracebacks, but takes longer to import than the help to print.
app = typer.Typer(
    name="egams",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
TRAIN = (demo, simulate, prepare, cross_validate, compare, bundle, export, teach)
USE = (inspect, predict, explain, evaluate, peaks, plot, report, serve, zoo, verify)
for command in TRAIN + USE:
    app.command()(command)
app.add_typer(study_app)
app.add_typer(library_app)

DEBUG = "--debug"


def print_version(context: typer.Context, wanted: bool) -> None:
    """Print the version, with ``--verbose`` what a report of a fault needs, and end."""
    if not wanted:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from egams import __version__

    typer.echo(f"egams {__version__}")
    if context.params.get("verbose"):
        from egams.kernel import kernel, kernels

        typer.echo(f"kernel {kernel()}, of {', '.join(kernels())}")
        typer.echo(f"python {platform.python_version()}, {platform.platform()}")
        for name in ("numpy", "torch"):
            try:
                typer.echo(f"{name} {version(name)}")
            except PackageNotFoundError:
                typer.echo(f"{name} not installed")
    raise typer.Exit


@app.callback()
def egams(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            is_eager=True,  # before --version, wherever it stands
            help="With --version: what computes baselines, and versions of Python, numpy, torch.",
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error; stands anywhere.")
    ] = False,
) -> None:
    """Which families of compounds are in this sample: from evolved gas to probabilities."""


def main() -> None:
    """Run the command line: errors made for people are one message and exit status 2."""
    # Threads of OpenMP would spin while they wait: beside other work on two cores, torch takes ten
    # times the processor time for a small prediction. It is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = [argument for argument in sys.argv[1:] if argument != DEBUG]
    try:
        app(arguments)
    except StoppedError as stopped:
        _complain(str(stopped))
        sys.exit(0 if stopped.signal is None else 128 + stopped.signal)
    except ModuleNotFoundError as error:
        needed = not_installed(error)
        if needed is error:
            raise
        _complain(str(needed))
        sys.exit(REFUSED)
    except (EgamsError, OSError) as error:
        if DEBUG in sys.argv:
            raise
        _complain(in_words(error))
        sys.exit(REFUSED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _complain("interrupted; give the same command again to go on")
        raise


def in_words(error: Exception) -> str:
    """Say what an error is to a person, which of the disk names nothing.

    Parameters
    ----------
    error
        Of this command.
    """
    if is_full(error) and not isinstance(error, DiskFullError):
        where = getattr(error, "filename", None) or "what this command prints, or a temporary file"
        return f"{where}: cannot be written: there is no space left on its disk."
    return str(error)


def _complain(message: str) -> None:
    shown = "\n".join(map(plain_text, message.split("\n")))
    typer.secho(f"egams: {shown}", fg=typer.colors.RED, err=True)
