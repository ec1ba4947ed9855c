"""What `egams inspect` prints: how a file was read, facts of its run, traces as text."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from egams.arrays import FloatArray
from egams.cli.show import console, lined_table, say
from egams.io.facts import Facts, binned
from egams.io.tables.account import Account
from egams.plain import plain_text
from egams.report.words import range_of, temperatures
from egams.run import Run

USUAL = {
    2: "H2",
    18: "H2O",
    28: "N2, CO",
    30: "NO",
    32: "O2",
    34: "H2S",
    36: "HCl",
    44: "CO2",
    64: "SO2",
}
BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH = 56


def say_account(account: Account) -> None:
    """Print the format, the dialect, and what each column was taken for.

    Parameters
    ----------
    account
        How the file was read.
    """
    dialect = ", ".join(f"{what}: {value}" for what, value in account.dialect.items())
    say(plain_text(f"{account.format}; {dialect}" if dialect else account.format))
    if account.columns:
        table = lined_table()
        table.add_column("column")
        table.add_column("taken for")
        for header, role in account.columns:
            table.add_row(Text(plain_text(header)), Text(plain_text(role)))
        for header in account.unused:
            table.add_row(Text(plain_text(header)), "not used")
        console().print(table)


def say_facts(run_id: str, facts: Facts) -> None:
    """Print the numbers that describe a run.

    Parameters
    ----------
    run_id
        Its name.
    facts
        The numbers.
    """
    say(f"{run_id}: {facts.scans} scans from {temperatures(*facts.temperature, 'degC')}")
    signals = f", signals in {facts.unit}" if facts.unit else ""
    say(f"m/z ({facts.mz.size}): {ranges(facts.mz)}{signals}")
    if facts.duration is not None:
        heated = "" if facts.rate is None else f", heated by {facts.rate:.1f} degC a minute"
        say(f"{facts.duration:.0f} s, a scan every {facts.seconds_each:.3g} s{heated}")
    for below, above in facts.gaps:
        say(f"gap: no scan between {below:.0f} and {above:.0f} degC")
    if facts.not_measured:
        say(f"{100 * facts.not_measured:.2g} % of the readings were not taken")
    if facts.negative:
        say(f"{100 * facts.negative:.2g} % of the readings are negative")
    if facts.saturated:
        say(f"saturated? m/z {ranges(np.array(facts.saturated))} stay at their highest value")


def ranges(mz: FloatArray) -> str:
    """Write m/z with stretches of whole numbers as ``2-100``.

    Parameters
    ----------
    mz
        Ascending ``[m/z]``.
    """
    parts: list[list[float]] = []
    for value in mz.tolist():
        if parts and value == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], value]
        else:
            parts.append([value])
    shown = [f"{part[0]:g}" if len(part) == 1 else f"{part[0]:g}-{part[1]:g}" for part in parts]
    return ", ".join(shown[:40]) + (f", ... ({len(shown) - 40} more)" if len(shown) > 40 else "")


def say_traces(run: Run) -> None:
    """Draw the usual ions over temperature, each to its own scale, a line each.

    Parameters
    ----------
    run
        The run.
    """
    low, high = range_of(run)
    width = min(WIDTH, run.abundance.shape[0])
    drawn = [mz for mz in USUAL if mz in run.mz] or run.mz[:8].tolist()
    for mz in drawn:
        values = binned(run, mz, width)
        bottom, top = (np.nanmin(values), np.nanmax(values))
        scaled = (values - bottom) / (top - bottom) if top > bottom else np.zeros(width)
        line = "".join("·" if np.isnan(v) else BLOCKS[round(v * 8)] for v in scaled.tolist())
        say(f"{mz:>5g} {USUAL.get(mz, ''):<7}{line} {top:.2e}")
    left, right = f"{low:.0f}", f"{high:.0f} degC"
    say(f"{'':13}{left}{right:>{width - len(left)}}")
