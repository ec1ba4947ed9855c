"""Constants of the method that more than one room needs; sections are those of `docs/method.md`.

Source: the winning solution's write-up, and the code published with it.
"""

LOWEST_TEMPERATURE = 28.0
HIGHEST_TEMPERATURE = 1000.0
"""Readings are kept between these, degC (section 1)."""

MZ_COUNT = 100
"""m/z 0 to 99 (section 1)."""

BIN_WIDTH = 4.0
"""degC (section 2)."""

FIRST_BIN = 30 // 4
LAST_BIN = 1000 // 4
BIN_COUNT = LAST_BIN - FIRST_BIN
"""Bin i holds ``4 i <= T < 4 (i + 1)`` degC, the last excluded (section 2)."""

BACKGROUND_QUANTILES = (0.001, 0.05, 0.10, 0.20)
"""Of the abundances of an m/z over its run (section 4)."""

TEMPERATURE_COUNT = 80
FIRST_COLUMN = 30.0
COLUMN_STEP = 12.0
"""Column i of a spectrogram stands at ``30 + 12 i`` degC (section 5)."""

NEARNESS = 12.0
"""A scan that lies d degC from a column is drawn with weight ``1 / (12 + d)`` (section 5)."""

NORM_OFFSET = 5e-4
"""Joins what the norms "band" and "share" divide by, relative to the run's maximum (section 5)."""

HELIUM = 4
"""m/z of the carrier gas."""

HELIUM_SCALE = 0.1
"""Factor of the carrier gas in a spectrogram (section 5)."""

SAM_DWELL = 0.017
"""Seconds in which a reading of the SAM testbed counts ions: ``abundance * 0.017`` is whole."""

SAM_SATURATION = 7.9e6
"""Counts/s that no reading of the SAM testbed exceeds; measured on its runs."""
