"""Step time of each architecture over the least that its FLOPs and bytes allow on this device.

    python benchmarks/step_floor.py [--device cpu] [--threads 1] [--batch 8] [NAME ...]

The floor is the larger of FLOPs over the rate of a large matrix product, and bytes over the rate
of a copy, both measured here, in the fastest precision of the device. Bytes are those of weights,
gradients, optimiser and average in float32, and of the activations that are kept for the backward
pass, written and read. On a GPU, the share of a step during which kernels run is printed too.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from egams.experiments.experiment import Experiment
from egams.experiments.zoo import experiments_named
from egams.models.cost import cost
from egams.models.network import Sizes
from egams.spectrogram.resident import ResidentRuns
from egams.training.network.precision import in_bfloat16

sys.path.insert(0, str(Path(__file__).parent))
from measure import epoch_seconds, seconds, simulated, train_epochs

TARGET, BUSY_TARGET = 3.0, 0.85
STEPS_PROFILED = 50
BYTES_PER_WEIGHT = 60
"""float32 words: read forward and backward 2, gradient 1, clipping 2, AdamW 7, average 3."""


def rates(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """FLOPs and bytes a second that this device reaches."""
    side, big = 4096 if device.type == "cuda" else 1536, 2**26
    left = torch.rand(side, side, device=device).to(dtype)
    source = torch.rand(big, device=device)
    target = torch.empty_like(source)

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def best(work: Callable[[], object]) -> float:
        def timed() -> None:
            work()
            wait()

        return min(seconds(timed) for _ in range(6))

    product = best(lambda: left @ left)
    copy = best(lambda: target.copy_(source))
    return 2 * side**3 / product, 2 * 4 * big / copy


def activation_bytes(network: nn.Module, sizes: Sizes, batch: int, bfloat16: bool) -> int:
    """Bytes kept for the backward pass."""
    kept: dict[int, int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    shown = torch.rand(batch, sizes.rows, 80), torch.rand(batch, sizes.context)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=bfloat16),
    ):
        network.train()(*shown)
    return sum(kept.values())


def architectures(names: list[str]) -> list[Experiment]:
    """Experiments that are networks, each architecture once."""
    found: dict[str, Experiment] = {}
    for experiment in experiments_named(names):
        if hasattr(experiment.model, "build"):
            found.setdefault(experiment.model.model_dump_json(), experiment)
    return list(found.values())


def main() -> None:
    """Print a row an architecture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=["author"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=24, help="made up to whole batches")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, batch = torch.device(arguments.device), arguments.batch
    steps = math.ceil(arguments.runs / batch)
    runs = ResidentRuns.load(simulated(steps * batch)).to(device)
    bfloat16 = in_bfloat16("auto", device, nn.Identity())
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    flops_a_second, bytes_a_second = rates(device, dtype)
    print(
        f"{device}, {arguments.threads} threads, batch {batch}, {str(dtype).removeprefix('torch.')}"
        f": {flops_a_second / 1e9:.0f} GFLOP/s, {bytes_a_second / 1e9:.1f} GB/s"
    )
    for experiment in architectures(arguments.names):
        sizes = Sizes(rows=experiment.spectrogram.rows)
        of_network = cost(experiment.model, sizes.rows)
        flops = 3 * 2 * batch * of_network.macs
        moved = BYTES_PER_WEIGHT * of_network.parameters
        moved += 2 * activation_bytes(experiment.model.build(sizes), sizes, batch, bfloat16)
        floor = max(flops / flops_a_second, moved / bytes_a_second)
        took = median(epoch_seconds(experiment, runs, 3, batch_size=batch, precision="auto"))
        step = took / steps
        print(
            f"  {experiment.name}: step {1e3 * step:.1f} ms, floor {1e3 * floor:.1f} ms "
            f"({'FLOPs' if flops / flops_a_second >= floor else 'bytes'}), "
            f"ratio {step / floor:.1f} (to stay under {TARGET})",
            flush=True,
        )
        if device.type == "cuda":
            print(
                f"    kernels run {busy_share(experiment, runs, batch):.0%} of the time "
                f"(to reach {BUSY_TARGET:.0%})"
            )


def busy_share(experiment: Experiment, runs: ResidentRuns, batch: int) -> float:
    """Share of wall time, from the second epoch on, during which a kernel runs on the GPU."""
    epochs = 1 + math.ceil(STEPS_PROFILED * batch / len(runs))
    seen, times = profile(activities=[ProfilerActivity.CUDA]), list[float]()

    def note(done: int, total: int, _loss: float) -> None:  # an epoch's loss was read: all is done
        if done == 1:
            seen.start()
        times.append(time.perf_counter())
        if done == total:
            seen.stop()

    train_epochs(experiment, runs, epochs, note, batch_size=batch, precision="auto")
    busy = sum(event.self_device_time_total for event in seen.key_averages()) / 1e6
    return busy / (times[-1] - times[0])


if __name__ == "__main__":
    main()
