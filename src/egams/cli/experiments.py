"""`egams experiments`: what can be trained by name."""

from __future__ import annotations


def experiments() -> None:
    """List the experiments that are built in."""
    from egams.cli.show import console
    from egams.evaluate.table import Table
    from egams.training.experiment import COMPACT

    rows = tuple(
        (
            name,
            entry.model.kind,
            entry.spectrogram.norm,
            entry.spectrogram.mz_sigma,
            entry.spectrogram.mix,
            entry.spectrogram.baseline_prob,
        )
        for name, entry in COMPACT.items()
    )
    columns = ("experiment", "model", "norm", "mz_sigma", "mix", "baseline_prob")
    caption = "All of them are 'compact'. Experiments of your own: a JSON file with other settings."
    Table(columns, rows, caption).print(console())
