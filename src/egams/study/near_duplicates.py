"""Groups of near-duplicate runs: those that folds must not pull apart.

Distance of two runs: the Euclidean distance in each of the four descriptors of
`egams.spectrogram.descriptors`, divided by its mean over all pairs of runs; then the mean of the
four. 1 is the distance of two runs taken at random. Runs nearer than `NEAR`, and runs joined by a
chain of such pairs, are one group: no pair nearer than `NEAR` is ever pulled apart, which groups of
complete or average linkage would not promise.

Why 0.25. Measured on the 763 labelled runs of the challenge, 42 different sets of labels:

========= ===== ======== =============== ====== ============= ========== ============
threshold pairs same set same set, last  groups runs in them  largest    of a kind
                         0.05 of it                           group      in one group
========= ===== ======== =============== ====== ============= ========== ============
0.20        233     0.96            0.95    115           287          9   at most 36 %
0.25        447     0.89            0.81    133           416         16   at most 45 %
0.30        830     0.78            0.65    119           520         57   at most 82 %
0.35       1400     0.66            0.48     89           588        184   at most 82 %
0.40       2446     0.54            0.37     63           642        374   100 %
========= ===== ======== =============== ====== ============= ========== ============

"Groups" are those of two runs or more. Of random pairs 7 % have the same set of labels; below 0.10
all have. The number of groups is greatest at 0.25: a larger threshold merges groups faster than it
finds new pairs, chains that hold most runs of a kind appear (from 45 to 82 % between 0.25 and 0.26)
and the largest group grows without end. A smaller one leaves pairs apart of which four in five have
the same labels. At 0.25 the runs of one set of labels still fall into 16 groups (median over the
sets of eight runs or more), so the models see its kind, though not its near copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from egams.arrays import FloatArray, IntArray
from egams.errors import ConfigError
from egams.spectrogram.descriptors import Descriptor

NEAR = 0.25
"""Distance below which two runs count as near duplicates; 1 is that of two random runs."""


def run_distances(descriptors: Sequence[Descriptor]) -> FloatArray:
    """Distance of every two runs, 1 on average, 0 on the diagonal ``[run, run]``.

    Parameters
    ----------
    descriptors
        As `egams.spectrogram.descriptors.run_descriptors` gives them, ``[run, feature]`` each.

    Raises
    ------
    ConfigError
        If there are fewer than two runs.
    """
    runs = len(descriptors[0])
    if runs < 2:
        raise ConfigError(f"{runs} runs to compare; expected at least two.")
    apart = np.stack([cdist(each.astype(np.float64), each) for each in descriptors])
    # A descriptor in which all runs are alike tells nothing, and must not divide by zero.
    scale = np.maximum(apart.sum((1, 2)), np.finfo(np.float32).eps) / (runs * (runs - 1))
    return np.asarray((apart / scale[:, None, None]).mean(0))


def near_duplicate_groups(descriptors: Sequence[Descriptor], near: float = NEAR) -> IntArray:
    """Group number of each run ``[run]``; a run like no other is a group of its own.

    The grouping is the same in whatever order the runs come. Numbers count from 0, in the order
    in which groups first appear. Two runs at a distance below `near` are near duplicates;
    descriptors and errors as for `run_distances`.
    """
    _, found = connected_components(run_distances(descriptors) < near, directed=False)
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    return np.asarray(first.argsort().argsort()[number])
