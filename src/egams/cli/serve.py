"""`egams serve`: the workbench in the browser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Bundle, Import, Memory


def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUNS]...",
            help="Files of runs, or folders of such, that are added to the library at the start.",
        ),
    ] = None,
    *,
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", help="File of the library; yours if left out (its place is printed)."
        ),
    ] = None,
    bundle: Bundle = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; elsewhere than on this machine a token is needed, which "
            "stands in the address that is printed."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port; the first free one from 8765 on if left out."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    token: Annotated[
        bool,
        typer.Option("--token", help="Need a token on this machine, too: others log in to it."),
    ] = False,
    most_upload: Annotated[
        str, typer.Option(metavar="SIZE", help="Largest file, as 500M or 2G.")
    ] = "200M",
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Open the workbench: drop files, see answers, ask why, compare, teach; until Ctrl-C.

    All of it stays on this machine. It needs the extra "web".
    """
    from egams.cli.show import say
    from egams.ensemble.bundle_files import BundleManifest
    from egams.library.library import usual_place
    from egams.memory import bytes_of
    from egams.web.guard import Limits
    from egams.web.serve import serve as serve_library

    if bundle is not None:
        BundleManifest.load(bundle)
    serve_library(
        library or usual_place(),
        Limits(upload_bytes=bytes_of(most_upload)),
        files=_files_of(runs or []),
        host=host,
        port=port,
        bundle=bundle,
        with_token=token,
        browser=browser,
        say=say,
    )


def _files_of(paths: Iterable[Path]) -> list[Path]:
    """Return files that hold runs; of a folder, those that would be read as such."""
    from egams.io import open_source
    from egams.io.blob import FileBlob, ZipBlob, refuse_no_file
    from egams.io.sheets import file_of

    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            refuse_no_file(path)
            found[path] = None
            continue
        for entry in map(file_of, getattr(open_source(path), "index", {}).values()):
            if isinstance(entry, FileBlob):
                found[entry.path] = None
            elif isinstance(entry, ZipBlob):
                found[entry.archive] = None
    return list(found)
