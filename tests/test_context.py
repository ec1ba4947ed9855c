"""The context of a run: what is encoded comes back, by NumPy and by torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from egams.spectrogram.context import CONTEXT_FEATURES, Context, background_at, context_of
from prepared_samples import prepared_samples


@pytest.mark.parametrize("run", prepared_samples(), ids=lambda run: run.run_id)
def test_what_is_known_of_a_run_comes_back(run):
    features = context_of(run)
    assert features.shape == (CONTEXT_FEATURES,)
    assert features.dtype == np.float32
    context = Context.decode(np.stack([features, features]).astype(np.float64))
    measured = np.isin(np.arange(100), run.mz)
    assert (context.measured == measured).all()
    expected = np.clip(run.background[0, 1], 1e-8, 1)
    assert_allclose(background_at(context.level[0, measured]), expected, rtol=1e-4)
    assert (context.level[0, ~measured] == 0).all()
    assert (context.scans == len(run.temperature)).all()
    assert_allclose(context.start_degC[0], run.temperature[0], rtol=1e-6)
    assert_allclose(context.end_degC[0], run.temperature[-1], rtol=1e-6)
    assert_allclose(context.step_degC[0], np.median(np.diff(run.temperature)), rtol=1e-5)
    assert (context.is_sam == (run.instrument == "sam_testbed")).all()


def test_torch_reads_and_writes_the_same_and_leaves_what_follows():
    features = np.stack([context_of(run) for run in prepared_samples()])
    longer = np.pad(features, ((0, 0), (0, 11)), constant_values=7)
    decoded = Context.decode(torch.from_numpy(longer))
    assert decoded.is_sam.dtype == torch.bool
    assert_allclose(decoded.encode().numpy(), features, rtol=1e-5, atol=1e-7)
    assert_allclose(Context.decode(longer).encode(), features, rtol=1e-5, atol=1e-7)
