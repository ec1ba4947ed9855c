"""How to train many small networks on one device: one by one, stacked, in streams, in processes.

    python benchmarks/together.py [--device cpu] [--trainings 4] [NAME ...]

Prints steps a second of all trainings together, batch 32, the same spectrogram shown again, so
that networks alone are compared. "Stacked" is one network whose weights have one more axis.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from egams.experiments.zoo import experiments_named
from egams.models.network import Sizes
from measure import seconds

BATCH, STEPS = 32, 12


def made(name: str, device: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Make a network, and a batch for it."""
    (experiment,) = experiments_named([name])
    torch.manual_seed(0)
    sizes = Sizes(rows=experiment.spectrogram.rows)
    network = experiment.model.build(sizes).to(device).train()
    shown = torch.rand(BATCH, sizes.rows, 80), torch.rand(BATCH, sizes.context)
    return network, shown[0].to(device), shown[1].to(device)


def optimiser_of(weights: Any) -> torch.optim.Optimizer:
    """Make the optimiser that all of them use."""
    return torch.optim.AdamW(weights, 1e-4, fused=True)


def train(network: nn.Module, image: Tensor, context: Tensor, steps: int) -> None:
    """Train one network."""
    optimiser = optimiser_of(network.parameters())
    for _ in range(steps):
        optimiser.zero_grad()
        network(image, context).square().mean().backward()
        optimiser.step()
    wait(image.device)


def wait(device: torch.device) -> None:
    """Wait for the GPU, if it is one."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def one_by_one(name: str, device: str, trainings: int) -> float:
    """Seconds of a step of all trainings."""
    network, *shown = made(name, device)
    train(network, *shown, 2)
    return trainings * seconds(lambda: train(network, *shown, STEPS)) / STEPS


def stacked(name: str, device: str, trainings: int) -> float:
    """Seconds of a step of all trainings."""
    network, image, context = made(name, device)
    networks = [copy.deepcopy(network) for _ in range(trainings)]
    weights, buffers = torch.func.stack_module_state(networks)
    base = copy.deepcopy(network).to("meta")

    def outputs(weight: dict[str, Tensor], buffer: dict[str, Tensor]) -> Tensor:
        given: Tensor = torch.func.functional_call(base, (weight, buffer), (image, context))
        return given

    together = torch.func.vmap(outputs, randomness="different")
    optimiser = optimiser_of(weights.values())

    def steps(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            together(weights, buffers).square().mean((1, 2)).sum().backward()
            optimiser.step()
        wait(image.device)

    steps(2)
    return seconds(lambda: steps(STEPS)) / STEPS


def streams(name: str, device: str, trainings: int) -> float:
    """Seconds of a step of all trainings, a thread and, on a GPU, a stream each."""
    made_for = [made(name, device) for _ in range(trainings)]
    train(*made_for[0], 2)

    def in_a_stream(entry: tuple[nn.Module, Tensor, Tensor]) -> None:
        if device == "cpu":
            train(*entry, STEPS)
            return
        with torch.cuda.stream(torch.cuda.Stream()):
            train(*entry, STEPS)

    def all_of_them() -> None:
        threads = [threading.Thread(target=in_a_stream, args=(entry,)) for entry in made_for]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return seconds(all_of_them) / STEPS


def _in_a_process(name: str, device: str, start: Any, steps: int) -> None:
    torch.set_num_threads(1)
    network, *shown = made(name, device)
    train(network, *shown, 2)
    start.wait()
    train(network, *shown, steps)
    start.wait()


def processes(name: str, device: str, trainings: int) -> float:
    """Seconds of a step of all trainings, a process each."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(trainings + 1)
    workers = [
        context.Process(target=_in_a_process, args=(name, device, start, STEPS))
        for _ in range(trainings)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    took = seconds(start.wait)
    for worker in workers:
        worker.join()
    return took / STEPS


WAYS: dict[str, Callable[[str, str, int], float]] = {
    "one by one": one_by_one,
    "stacked": stacked,
    "streams": streams,
    "processes": processes,
}


def main() -> None:
    """Print a row a network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=["conv1d_evidence", "small_resnet34"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--trainings", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names:
        reference = None
        for way, measured in WAYS.items():
            try:
                took = measured(name, arguments.device, arguments.trainings)
            except (RuntimeError, NotImplementedError) as error:
                print(f"{name}, {way}: cannot ({str(error).splitlines()[0]})", flush=True)
                continue
            reference = reference or took
            rate = arguments.trainings / took
            print(
                f"{name}, {arguments.trainings} trainings, {way}: {rate:.1f} steps/s in all, "
                f"ratio {reference / took:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
