"""From a raw `Run` to a `PreparedRun`: restriction, binning, baseline, background."""
