"""asPLS against pybaselines, against a golden file, and against what must hold for any trace.

Two double-precision asPLS codes cannot agree to the last digits on every trace: each iteration
multiplies rounding errors, and pybaselines itself gives other baselines, after another number of
iterations, once a trace is turned round. So agreement is asked for

* to 1e-6 after few iterations, where rounding has not grown yet;
* at the end, as closely as pybaselines agrees with itself on the turned trace.

All tests run against each kernel, and kernels must agree with each other to the last bit.

``python tests/test_aspls.py`` writes the golden file anew with the pybaselines that is installed.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egams.errors import ConfigError, InputError
from egams.kernel import KERNEL, NUMPY, compiled, kernels
from egams.preprocess.aspls import aspls
from egams.preprocess.baseline import baseline, straight_line
from egams.preprocess.pentadiagonal import Fold, bands, smooth
from egams.preprocess.reweighting import falling

GOLDEN = Path(__file__).parent / "golden" / "aspls.npz"
FEW = 2  # max_iter up to which rounding errors stay below 1e-6


@pytest.fixture(autouse=True, scope="module", params=kernels())
def kernel(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KERNEL, request.param)
        yield request.param


def peaks(rng: np.random.Generator, bins: int) -> np.ndarray:
    """One simulated trace: drift, a few peaks, noise."""
    at = np.linspace(0, 1, bins)
    trace = rng.uniform(0, 0.3) + rng.uniform(-0.2, 0.5) * at
    for _ in range(rng.integers(1, 5)):
        width = rng.uniform(0.01, 0.08)
        trace = trace + rng.lognormal() * np.exp(-0.5 * ((at - rng.random()) / width) ** 2)
    return trace + rng.normal(0, 10 ** rng.uniform(-4, -1.5), bins)


def batch(seed: int, lengths: list[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    traces = np.zeros((len(lengths), max(lengths)))
    for row, length in zip(traces, lengths, strict=True):
        row[:length] = peaks(rng, length)
    return traces, np.asarray(lengths)


def reference(trace: np.ndarray, max_iter: int = 100) -> tuple[np.ndarray, int]:
    from pybaselines import Baseline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted, params = Baseline().aspls(trace, lam=2e6, diff_order=2, max_iter=max_iter, tol=1e-3)
    return fitted, len(params["tol_history"])


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compare(traces: np.ndarray, lengths: np.ndarray) -> None:
    """Ours against pybaselines, and pybaselines against itself on turned traces."""
    for max_iter in range(FEW + 1):
        fit = aspls(traces, lengths, max_iter=max_iter)
        for i, length in enumerate(lengths):
            expected, iterations = reference(traces[i, :length], max_iter)
            assert distance(fit.baseline[i, :length], expected) < 1e-6
            assert fit.iterations[i] == iterations
    fit = aspls(traces, lengths)
    ours, itself = [], []
    for i, length in enumerate(lengths):
        expected, iterations = reference(traces[i, :length])
        turned, turned_iterations = reference(traces[i, :length][::-1])
        same = fit.iterations[i] == iterations
        ours.append((distance(fit.baseline[i, :length], expected), same))
        itself.append((distance(turned[::-1], expected), turned_iterations == iterations))
    far, same = np.transpose(ours)
    far_itself, same_itself = np.transpose(itself)
    assert np.median(far) < max(5 * np.median(far_itself), 1e-6)
    assert np.quantile(far, 0.9) < max(5 * np.quantile(far_itself, 0.9), 1e-6)
    assert same.mean() > same_itself.mean() - 0.15


def test_agrees_with_pybaselines_on_simulated_traces():
    pytest.importorskip("pybaselines")
    compare(*batch(0, [4, 5, 6, 7, 30, *range(100, 244, 4)]))


@pytest.mark.real
def test_agrees_with_pybaselines_on_real_traces(real_data):
    pytest.importorskip("pybaselines")
    from egams.io import open_source
    from egams.preprocess.binning import bin_readings, traces
    from egams.preprocess.restrict import restrict

    source = open_source(real_data / "mars-ega" / "train_features.parquet", split="train")
    rng = np.random.default_rng(0)
    rows = []
    for run_id in rng.choice(source.ids, 10, replace=False):
        cut, lengths = traces(bin_readings(restrict(source.load(run_id))))
        chosen = rng.choice(len(cut), min(20, len(cut)), replace=False)
        rows += [cut[i, : lengths[i]] for i in chosen]
    lengths = np.array([len(row) for row in rows])
    padded = np.stack([np.pad(row, (0, lengths.max() - len(row))) for row in rows])
    compare(padded, lengths)


def test_golden_file():
    golden = np.load(GOLDEN)
    traces, lengths = golden["traces"], golden["lengths"]
    few, full = aspls(traces, lengths, max_iter=FEW), aspls(traces, lengths)
    for i, length in enumerate(lengths):
        assert distance(few.baseline[i, :length], golden["few"][i, :length]) < 1e-6
    far = [
        distance(full.baseline[i, :length], golden["full"][i, :length])
        for i, length in enumerate(lengths)
    ]
    assert np.median(far) < 1e-3
    # The median: a single chaotic trace may well need 25 iterations in one code and 72 in another.
    assert np.median(np.abs(full.iterations - golden["iterations"])) <= 1


def odd_trace(rng: np.random.Generator, bins: int) -> np.ndarray:
    """A trace such as instruments give and such as they should not: flat, coarse, tiny, huge."""
    kind = rng.integers(8)
    if kind == 0:
        return np.full(bins, rng.choice([0.0, 3.3, -1e300, 5e-324]))
    if kind == 1:
        return np.linspace(rng.normal(), rng.normal(), bins)
    if kind == 2:
        return rng.choice([-1.0, 1.0]) * np.eye(bins)[rng.integers(bins)]
    trace = peaks(rng, bins)
    if kind == 3:
        return trace.round(1)
    if kind == 4:
        return np.where(rng.random(bins) < 0.5, 0.0, trace)
    return trace * 10.0 ** rng.uniform(*((-320, -140), (-3, 3), (140, 307))[kind - 5])


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(4, 90), min_size=1, max_size=30),
    st.sampled_from([0, 1, 5, 100]),
    st.sampled_from([1e-2, 1.0, 2e6, 1e12]),
)
def test_every_kernel_gives_the_bits_of_numpy(kernel, seed, lengths, max_iter, lam):
    rng = np.random.default_rng(seed)
    traces, lengths = np.zeros((len(lengths), max(lengths))), np.array(lengths)
    for row, length in zip(traces, lengths, strict=True):
        row[:length] = odd_trace(rng, length)
    here = aspls(traces, lengths, max_iter=max_iter, lam=lam)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KERNEL, NUMPY)
        there = aspls(traces, lengths, max_iter=max_iter, lam=lam)
    np.testing.assert_array_equal(here.baseline, there.baseline)
    np.testing.assert_array_equal(here.iterations, there.iterations)
    np.testing.assert_array_equal(here.converged, there.converged)


def test_the_falling_logistic_function_is_exact_to_a_few_units_in_the_last_place():
    x = np.linspace(-310, 310, 100_003)
    np.testing.assert_allclose(
        falling(x), 1 / (1 + np.exp(np.clip(x, -300, 300))), rtol=8 * np.finfo(float).eps
    )
    assert np.isnan(falling(np.full(1, np.nan)))


def test_the_compiled_fit_refuses_what_it_could_not_read_or_write(kernel):
    if kernel == NUMPY:
        pytest.skip("NumPy is not compiled")
    good = {
        "traces": np.ones((3, 9)),
        "lengths": np.full(3, 9),
        "baseline": np.ones((3, 9)),
        "iterations": np.zeros(3, dtype=np.int64),
        "converged": np.zeros(3, dtype=bool),
    }
    settings = (2e6, 100, 1e-3, 0.5)
    compiled().fit(kernel, *good.values(), *settings)
    frozen = np.ones((3, 9))
    frozen.flags.writeable = False
    for name, bad in (
        ("traces", np.ones((3, 9), dtype=np.float32)),
        ("traces", np.ones((9, 3)).T),
        ("traces", np.ones(27)),
        ("traces", None),
        ("lengths", np.full(3, 10)),
        ("lengths", np.full(3, 3)),
        ("lengths", np.full(3, -(2**63))),
        ("lengths", np.full(2, 9)),
        ("lengths", np.full(3, 9, dtype=np.int32)),
        ("baseline", np.ones((3, 8))),
        ("baseline", frozen),
        ("iterations", np.zeros(2, dtype=np.int64)),
        ("converged", np.zeros(4, dtype=bool)),
        ("converged", np.zeros(3, dtype=np.int8)),
    ):
        with pytest.raises((ValueError, TypeError, BufferError)):
            compiled().fit(kernel, *(good | {name: bad}).values(), *settings)
    for bad_settings in ((0.0, 100, 1e-3, 0.5), (2e6, -1, 1e-3, 0.5), (2e6, 100, 1e-3, np.nan)):
        with pytest.raises(ValueError):
            compiled().fit(kernel, *good.values(), *bad_settings)
    with pytest.raises(ValueError, match="no code"):
        compiled().fit(NUMPY, *good.values(), *settings)


def test_fits_run_side_by_side_in_threads():
    traces, lengths = batch(8, [40, 60, 61] * 20)
    alone = aspls(traces, lengths)
    with ThreadPoolExecutor(4) as pool:
        for fit in pool.map(lambda _: aspls(traces, lengths), range(8)):
            np.testing.assert_array_equal(fit.baseline, alone.baseline)


def test_a_kernel_that_does_not_run_here_is_refused(monkeypatch):
    monkeypatch.setenv(KERNEL, "abacus")
    with pytest.raises(ConfigError, match="choose one of"):
        aspls(np.zeros((1, 9)))


@given(st.integers(0, 2**32 - 1), st.integers(4, 60), st.floats(-8, 8))
def test_smoother_solves_its_pentadiagonal_system(seed, bins, exponent):
    from scipy.linalg import solve_banded

    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=(2, bins))
    v = 10**exponent * np.exp(v) + 10.0  # more than D'D: diagonally dominant
    second = np.diff(np.eye(bins), 2, axis=0)
    matrix = np.diag(v) + second.T @ second
    diagonals = np.zeros((5, bins))
    for k in range(-2, 3):
        diagonals[2 - k, max(k, 0) : bins + min(k, 0)] = np.diag(matrix, k)
    fold = Fold.of(np.array([bins]))
    solution = smooth(bands(fold), fold.fold(v[None]), fold.fold(y[None]))
    found = fold.unfold(solution, bins, 0.0)[0]
    np.testing.assert_allclose(
        found, solve_banded((2, 2), diagonals, v * y), rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(matrix @ found, v * y, rtol=1e-10, atol=1e-12 * v.max())


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(4, 80), min_size=1, max_size=12),
    st.sampled_from([1e-3, 0.1, 0.4]),  # the large ones are met in the first iterations
)
def test_neither_company_nor_padding_changes_a_bit(seed, lengths, tol):
    traces, lengths = batch(seed, lengths)
    together = aspls(np.pad(traces, ((0, 0), (0, 3)), constant_values=np.nan), lengths, tol=tol)
    for i, length in enumerate(lengths):
        alone = aspls(traces[i : i + 1, :length], tol=tol)
        np.testing.assert_array_equal(together.baseline[i, :length], alone.baseline[0])
        assert np.isnan(together.baseline[i, length:]).all()
        assert together.iterations[i] == alone.iterations[0]
        assert together.converged[i] == alone.converged[0]


def test_more_traces_than_a_block_change_no_bit():
    traces, lengths = batch(3, np.random.default_rng(3).integers(30, 60, 1100))
    together = aspls(traces, lengths)
    for part in (slice(0, 5), slice(600, 605), slice(1095, 1100)):
        apart = aspls(traces[part], lengths[part])
        np.testing.assert_array_equal(together.baseline[part], apart.baseline)


@given(st.integers(0, 2**32 - 1), st.integers(-30, 30))
def test_scaling_a_trace_scales_its_baseline(seed, power):
    traces, lengths = batch(seed, [50, 51])
    scale = 2.0**power  # exact in binary, so that the result must be, too
    fit, scaled = aspls(traces, lengths), aspls(traces * scale, lengths)
    np.testing.assert_array_equal(scaled.baseline, fit.baseline * scale)
    np.testing.assert_array_equal(scaled.iterations, fit.iterations)


@pytest.mark.parametrize(
    "trace",
    [np.zeros(50), np.full(50, 3.3), np.linspace(0, 1, 60), np.eye(60)[30], -np.eye(60)[30]],
    ids=["zero", "constant", "line", "spike", "dip"],
)
def test_traces_without_noise_end_as_in_pybaselines(trace):
    pytest.importorskip("pybaselines")
    np.testing.assert_allclose(aspls(trace[None]).baseline[0], reference(trace)[0], atol=1e-8)


def test_zero_trace_ends_before_the_first_comparison():
    fit = aspls(np.zeros((1, 9)))
    assert (fit.iterations[0], fit.converged[0]) == (0, False)


def test_overflow_falls_back_to_a_line_and_then_to_the_minimum():
    noise = np.random.default_rng(0).random(50)
    traces = np.stack([noise, noise * 1e160, noise * 1e308])
    lengths = np.array([50, 40, 50])
    assert not np.isfinite(aspls(traces, lengths).baseline[1:]).all(axis=1).any()
    found = baseline(traces, lengths)
    np.testing.assert_array_equal(found[0], aspls(traces[:1]).baseline[0])
    np.testing.assert_array_equal(found[1, :40], straight_line(traces[1, :40]))
    assert np.isfinite(found[2]).all()


def test_straight_line_is_modpoly_of_order_1():
    pybaselines = pytest.importorskip("pybaselines")
    trace = batch(5, [70])[0][0]
    expected, _ = pybaselines.Baseline().modpoly(trace, poly_order=1)
    np.testing.assert_allclose(straight_line(trace), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("traces", "lengths", "told"),
    [
        (np.zeros(9), None, "shape"),
        (np.zeros((2, 9)), np.array([9]), "1 lengths for 2 traces"),
        (np.zeros((2, 9)), np.array([9, 3]), "trace 1 has 3 bins; expected 4 to 9"),
        (np.full((1, 9), np.nan), None, "trace 0 holds NaN"),
    ],
)
def test_unusable_traces_are_refused(traces, lengths, told):
    with pytest.raises(InputError, match=told):
        aspls(traces, lengths)


def test_unusable_settings_are_refused():
    with pytest.raises(ConfigError, match="lam 0"):
        aspls(np.zeros((1, 9)), lam=0)


def test_no_traces_give_no_baselines():
    assert aspls(np.zeros((0, 0))).baseline.shape == (0, 0)


def write_golden() -> None:
    import pybaselines

    traces, lengths = batch(11, [4, 9, 60, 117, *range(120, 160, 5)])
    few, full = np.full((2, *traces.shape), np.nan)
    iterations = np.zeros(len(lengths), dtype=int)
    for i, length in enumerate(lengths):
        few[i, :length], _ = reference(traces[i, :length], FEW)
        full[i, :length], iterations[i] = reference(traces[i, :length])
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        GOLDEN,
        traces=traces,
        lengths=lengths,
        few=few,
        full=full,
        iterations=iterations,
        pybaselines=pybaselines.__version__,
    )


if __name__ == "__main__":
    write_golden()
