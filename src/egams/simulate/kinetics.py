"""First-order release of a gas along a heating programme."""

from __future__ import annotations

import numpy as np

from egams.arrays import FloatArray

GAS_CONSTANT = 8.314462618e-3
"""kJ/(mol K)."""
ZERO_CELSIUS = 273.15
"""K."""

# Evenly spaced rather than Gauss-Hermite nodes: nine of those leave ripples in a wide spread.
_NODES = np.linspace(-3.0, 3.0, 21)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


def log_prefactor(peak: float, energy: float, heating_rate: float) -> float:
    """Logarithm of the pre-exponential factor that puts a release's peak at `peak`.

    ``A = beta Ea / (R Tp^2) exp(Ea / (R Tp))``, the condition that the second derivative of the
    reacted fraction vanishes at ``Tp`` (Kissinger 1957, eq. 4).

    Parameters
    ----------
    peak
        Peak temperature Tp, degC.
    energy
        Activation energy Ea, kJ/mol.
    heating_rate
        beta, K/s.

    Returns
    -------
    float
        ln(A / s^-1). The logarithm, since A itself overflows for Ea over some 5 MJ/mol.
    """
    kelvin = peak + ZERO_CELSIUS
    reduced = energy / (GAS_CONSTANT * kelvin)
    return float(np.log(heating_rate * reduced / kelvin) + reduced)


def release_rate(
    time: FloatArray,
    temperature: FloatArray,
    *,
    log_prefactor: float,
    energy: float,
    spread: float = 0.0,
    purge: float = 0.0,
) -> FloatArray:
    """Rate at which one mole of gas leaves the sample.

    Each molecule leaves by a first-order step, ``rate = k exp(-integral of k dt)`` with
    ``k = A exp(-Ea / (R T))``. With `spread` the activation energies are normally distributed
    around `energy` (the distributed activation energy model): real grains are not alike, and a
    single energy gives peaks that are too narrow.

    Parameters
    ----------
    time
        Seconds ``[time]``, ascending; steps of some 2 degC or finer.
    temperature
        degC ``[time]``; any programme, not only a linear ramp.
    log_prefactor
        ln(A / s^-1), shared by all energies.
    energy
        Mean activation energy, kJ/mol.
    spread
        Standard deviation of the energies, fraction of `energy`.
    purge
        Seconds the sample already sat at the first temperature: what leaves that early is gone.

    Returns
    -------
    numpy.ndarray
        1/s ``[time]``; its integral over the whole release is 1, less what was purged.
    """
    scale = np.maximum(1.0 + spread * _NODES, 0.2) if spread > 0 else np.ones(1)
    weights = _WEIGHTS if spread > 0 else np.ones(1)
    reciprocal = 1.0 / (GAS_CONSTANT * (temperature + ZERO_CELSIUS))
    # Beyond exp(30)/s everything has long left; the clip only keeps inf - inf away.
    exponent = log_prefactor - energy * scale[:, None] * reciprocal
    k = np.exp(np.clip(exponent, -700.0, 30.0))  # [energy, time]
    reacted = np.zeros_like(k)
    np.cumsum(0.5 * (k[:, 1:] + k[:, :-1]) * np.diff(time), axis=1, out=reacted[:, 1:])
    reacted += purge * k[:, :1]
    return np.asarray(weights @ (k * np.exp(-reacted)), dtype=np.float64)


def linger(rate: FloatArray, step: float, residence: float) -> FloatArray:
    """Smear a rate by the exponential residence time of the gas line, keeping its integral.

    Parameters
    ----------
    rate
        ``[time]`` on a uniform grid.
    step
        Seconds between grid points.
    residence
        Mean time spent in the line, s.
    """
    length = min(rate.size, int(np.ceil(6 * residence / step)) + 1)
    kernel = np.exp(-step * np.arange(length) / residence)
    return np.convolve(rate, kernel / kernel.sum())[: rate.size]
