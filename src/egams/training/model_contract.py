"""`check_model`: runs any network, yours too, through what egams expects of it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.errors import ConfigError, ContractError
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.logloss import mean_log_loss
from egams.models.neighbours import EVIDENCE_FEATURES
from egams.models.network import NetworkSettings, Sizes
from egams.models.onnx_export import export_network
from egams.models.onnx_files import need_onnx
from egams.models.onnx_network import NETWORK
from egams.models.predict import predict_draws
from egams.models.registry import read_model
from egams.models.trained_network import NetworkPredictor
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.spectrogram.resident import ResidentRuns
from egams.training.network.loop import train_network

KEPT = "kept"
MEMORISED = 20
MEMORISING = TrainingConfig(
    epochs=110, batch_size=MEMORISED, learning_rate=1e-2, smoothing=0.0, average="none"
)
SEEN = SpectrogramConfig(mz_sigma=0.0)
LARGEST_LOSS = 0.15
NAMED = 5
RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""How far rounding may carry a logit."""

LARGER = Sizes(
    rows=3 * MZ_COUNT, context=CONTEXT_FEATURES + EVIDENCE_FEATURES, outputs=len(FAMILIES) + 7
)
"""Three normalisations, evidence, and label sets beside the families."""


def check_model(config: NetworkSettings, training: TrainingConfig | None = None) -> dict[str, str]:
    """Run a network through the contract that all of egams' own keep, on simulated runs.

    It takes some ten seconds for a small network. Nothing outside changes, global randomness
    included.

    Parameters
    ----------
    config
        Settings of the network. They should be those of a small one: it is trained.
    training
        How it learns 20 runs by heart, without dropout; None takes 110 steps with AdamW at 1e-2.

    Returns
    -------
    dict
        For each promise ``"kept"``, or ``"skipped: ..."`` with the reason.

    Raises
    ------
    ContractError
        At the first broken promise; names it, and how it is broken.
    """
    outcomes = {}
    memorises = partial(_memorises, training=training or MEMORISING)
    for name, promise in (PROMISES | {f"it memorises {MEMORISED} runs": memorises}).items():
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            try:
                outcomes[name] = promise(config) or KEPT
            except Exception as error:
                raise ContractError(
                    f"the model '{config.kind}' breaks '{name}': {error}"
                ) from error
    return outcomes


def _settings_are_known(config: NetworkSettings) -> None:
    again = read_model(config.model_dump(mode="json"))
    assert again == config, f"after JSON they are {again!r}"


def _logits_for_every_run(config: NetworkSettings) -> None:
    for sizes in (Sizes(), LARGER):
        logits = config.build(sizes).eval()(*_inputs(5, sizes))
        expected = (5, sizes.outputs)
        assert tuple(logits.shape) == expected, f"{tuple(logits.shape)} instead of {expected}"
        assert bool(torch.isfinite(logits).all()), "not all logits are finite"


def _gradient_reaches_every_parameter(config: NetworkSettings) -> None:
    network = config.build(Sizes()).train()
    with torch.no_grad():  # some start at zero, and hide what stands before them
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    logits = network(*_inputs(16))
    (logits * torch.randn(logits.shape)).sum().backward()
    unreached = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not bool(parameter.grad.ne(0).any())
    ]
    assert not unreached, f"{len(unreached)} get none: {', '.join(unreached[:NAMED])}"


def _prediction_is_deterministic(config: NetworkSettings) -> None:
    network, given = config.build(Sizes()).eval(), _inputs(4)
    before = torch.get_rng_state()
    assert torch.equal(network(*given), network(*given)), "twice the same run, two answers"
    assert torch.equal(torch.get_rng_state(), before), "it draws random numbers"


def _saved_and_loaded_it_is_the_same(config: NetworkSettings) -> None:
    predictor = NetworkPredictor(config.build(Sizes()), Sizes())
    with tempfile.TemporaryDirectory() as folder:
        predictor.save(Path(folder))
        files = {path.name: path for path in Path(folder).iterdir()}
        loaded = NetworkPredictor.load(files, config)
    given = tuple(each.numpy() for each in _inputs(4))
    same = np.array_equal(loaded.probabilities(*given), predictor.probabilities(*given))
    assert same, "it answers otherwise; is something it computes with no parameter or buffer?"


def _a_run_is_judged_by_itself(config: NetworkSettings) -> None:
    network = config.build(Sizes())
    network.train()(*_inputs(16))  # so that batch statistics are not those of the start
    network.eval()
    spectrogram, context = _inputs(6)
    together = network(spectrogram, context)
    alone = torch.cat([network(spectrogram[k : k + 1], context[k : k + 1]) for k in range(6)])
    apart = float((alone - together).abs().max())
    close = torch.allclose(alone, together, RELATIVE, ABSOLUTE)
    assert close, f"alone and among others its logits are {apart:.2g} apart"


def _bfloat16_stays_finite(config: NetworkSettings) -> None:
    network = config.build(Sizes()).train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(*_inputs(8))
    logits.float().square().mean().backward()
    assert bool(torch.isfinite(logits).all()), "not all logits are finite"
    for name, parameter in network.named_parameters():
        finite = parameter.grad is None or bool(torch.isfinite(parameter.grad).all())
        assert finite, f"the gradient of {name} is not finite"


def _onnx_can_be_made_of_it(config: NetworkSettings) -> str | None:
    try:
        need_onnx()
    except ConfigError as error:
        return f"skipped: {error}"
    predictor = NetworkPredictor(config.build(LARGER), LARGER)
    with tempfile.TemporaryDirectory() as folder:
        export_network(predictor, Path(folder) / NETWORK, config.kind)
    return None


def _memorises(config: NetworkSettings, training: TrainingConfig) -> None:
    runs, positions = _simulated(), np.arange(MEMORISED)
    config = config.model_copy(update={"dropout": 0.0, "mz_dropout": 0.0})
    experiment = Experiment(name="memory", model=config, spectrogram=SEEN, training=training)
    predictor = train_network(experiment, runs, positions, 0)
    (given,) = predict_draws([predictor], runs, positions, SEEN, 4, (1,))
    loss = mean_log_loss(runs.labels[:MEMORISED].numpy(), given.mean(0))
    assert loss < LARGEST_LOSS, (
        f"after {training.epochs} epochs its log loss on the {MEMORISED} runs that it learned is "
        f"{loss:.3f}; expected below {LARGEST_LOSS}"
    )


PROMISES: dict[str, Callable[[NetworkSettings], str | None]] = {
    "its settings are known by their kind": _settings_are_known,
    "logits for every family of every run": _logits_for_every_run,
    "the gradient reaches every parameter": _gradient_reaches_every_parameter,
    "prediction is deterministic": _prediction_is_deterministic,
    "saved and loaded it is the same": _saved_and_loaded_it_is_the_same,
    "a run is judged by itself": _a_run_is_judged_by_itself,
    "bfloat16 stays finite": _bfloat16_stays_finite,
    "ONNX can be made of it": _onnx_can_be_made_of_it,
}


def _inputs(count: int, sizes: Sizes | None = None) -> tuple[Tensor, Tensor]:
    """Spectrograms in 0..1 ``[B, row, temperature]``, laid out as drawn ones; and contexts."""
    sizes = sizes or Sizes()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(count, TEMPERATURE_COUNT, sizes.rows, generator=generator)
    return drawn.transpose(1, 2), torch.rand(count, sizes.context, generator=generator)


@cache
def _simulated() -> ResidentRuns:
    from egams.simulate import SimulationConfig, simulate_runs
    from egams.store.prepare import prepare

    runs = simulate_runs(
        MEMORISED, np.random.default_rng(0), config=SimulationConfig.tiny(sam_share=0.2)
    )
    return ResidentRuns.load(prepare(runs, jobs=1)).to("cpu")
