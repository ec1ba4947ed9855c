"""The workbench's server: files in, answers out, the same as the command line's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from command_line import ROOT, egams
from egams.families import FAMILIES
from egams.library.library import Library
from egams.web import reading_work
from egams.web.answers import Answer
from egams.web.batch import Place, predicted
from egams.web.serve import listen
from prepared_samples import simulated
from table_samples import Dialect, text_of
from web_samples import Served, csv_of, finished, sent, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[TestClient]:
    with served(place) as client:
        yield client


@pytest.fixture(scope="module")
def run(client: TestClient) -> int:
    work = finished(client, sent(client, "first.csv", csv_of(1)))
    assert work["state"] == "done", work
    return int(work["runs"][0])


def test_an_answer_is_that_of_the_command_line(
    client: TestClient, run: int, tmp_path: Path
) -> None:
    (tmp_path / "first.csv").write_bytes(csv_of(1))
    egams("predict", tmp_path / "first.csv", "-o", tmp_path / "answer.json")
    (expected,) = json.loads((tmp_path / "answer.json").read_text())["runs"]
    found = client.get(f"/api/runs/{run}").json()
    assert found["prediction"] == expected
    row = client.get("/api/runs").json()["runs"][0]
    for family in FAMILIES:
        assert row["calls"][family] == expected["families"][family]["call"]
        assert row["probabilities"][family] == expected["families"][family]["probability"]
    assert found["answers"][0]["probabilities"] == row["probabilities"]
    inspected = egams("inspect", tmp_path / "first.csv").stdout
    assert f"scans from {row['temperatures'].replace('°C', 'degC')}" in inspected
    assert f" m/z, {row['temperatures']}" in found["facts"]
    assert not row["stale"]


def test_many_files_at_once_are_answered_as_if_each_came_alone(
    client: TestClient, tmp_path: Path
) -> None:
    names = [f"many{number}.csv" for number in range(2, 5)]
    works = [sent(client, name, csv_of(2 + at)) for at, name in enumerate(names)]
    works.append(sent(client, "hot.csv", b"time,temp,m/z,abundance\n0,hot,18,1\n"))
    done = [finished(client, work) for work in works]
    assert [work["state"] for work in done] == [*["done"] * len(names), "refused"]
    assert done[-1]["error"]["column"] == "temp"
    assert done[-1]["error"]["file"] == "hot.csv"
    for at, name in enumerate(names):
        (tmp_path / name).write_bytes(csv_of(2 + at))
    files = [tmp_path / name for name in names]
    for path in files:
        egams("predict", path, "-o", path.with_suffix(".json"))
    for path, work in zip(files, done, strict=False):
        (expected,) = json.loads(path.with_suffix(".json").read_text())["runs"]
        assert client.get(f"/api/runs/{work['runs'][0]}").json()["prediction"] == expected


def test_a_fault_ends_no_work_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty(places: list[Place], *rest: object) -> object:
        if any(place.run_id == "evil" for place in places):
            raise IndexError("a fault in a reader")
        return predicted(places, *rest)

    monkeypatch.setattr(reading_work, "predicted", faulty)
    (tmp_path / "run.csv").write_bytes(csv_of(1))
    with Library.open(tmp_path / "lab.db") as library:  # all at once, before the worker begins
        for name in ("good.csv", "evil.csv", "fine.csv"):
            library.submit("read", name, {"reading": {}}, tmp_path / "run.csv")
    with served(tmp_path) as client:
        works = [finished(client, {"id": number}) for number in (1, 2, 3)]
    done = {work["name"]: work["state"] for work in works}
    assert done == {"good.csv": "done", "evil.csv": "refused", "fine.csv": "done"}
    assert "a fault in a reader" in capsys.readouterr().err


def test_a_question_is_asked_and_its_answer_is_taken(client: TestClient) -> None:
    table = text_of(simulated(9), Dialect(time="min", temp="K")).replace(b"temp", b"probe")
    lacks = "\n".join(
        ",".join(line.split(",")[:1] + line.split(",")[2:]) for line in table.decode().splitlines()
    )
    work = finished(client, sent(client, "no temperature.csv", lacks.encode()))
    assert work["state"] == "asking", work
    assert "temp" in work["needs"]


def test_what_is_not_a_number_is_null() -> None:
    content = {"a": [float("nan"), (1.5, float("inf"))], "b": np.float64("nan"), 3: {"c": None}}
    assert json.loads(Answer(content).body) == {
        "a": [None, [1.5, None]],
        "b": None,
        "3": {"c": None},
    }
    assert b"NaN" not in Answer(content).body


def test_the_pictures_of_a_run_hold_no_nan(client: TestClient, run: int) -> None:
    traces = client.get(f"/api/runs/{run}/traces").json()
    assert traces["unit"] == "A"
    assert {ion["mz"] for ion in traces["ions"] if ion["chosen"]} <= set(map(int, traces["signal"]))
    for values in traces["signal"].values():
        assert len(values) == len(traces["temperature"])
    picture = client.get(f"/api/runs/{run}/spectrogram").json()
    assert len(picture["log10"]) == len(picture["mz"])
    assert {len(row) for row in picture["log10"]} == {len(picture["temperature"])}
    found = client.get(f"/api/runs/{run}/peaks").json()
    assert found["peaks"][0]["mz"] in {ion["mz"] for ion in traces["ions"]}


def test_the_server_says_where_it_is_and_ends_at_once(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "of the folder.csv").write_bytes(csv_of(3))
    (folder / "readme.txt").write_text("no run", encoding="utf-8")
    server = Served(tmp_path / "lab.db", str(folder))
    work = finished(server.client, sent(server.client, "a.csv", csv_of(1)))
    assert work["state"] == "done"
    names = {row["name"] for row in server.client.get("/api/runs").json()["runs"]}
    assert names == {"of the folder", "a"}
    page = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    script = page.partition('title="send.py"\n')[2].partition("```")[0]
    script = script.replace("http://127.0.0.1:8765", server.address)
    (tmp_path / "b.csv").write_bytes(csv_of(2))
    command = [sys.executable, "-c", script, str(tmp_path / "b.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "resent" in done.stdout, "the script of the page prints the answer"
    with ThreadPoolExecutor(len(FAMILIES)) as pool:  # Ctrl-C while the page asks for much
        path = f"{server.address}api/runs/1/explanation?family="
        asked = [pool.submit(httpx.get, path + family, timeout=60) for family in FAMILIES]
        time.sleep(0.3)
        status, said = server.interrupt()
        assert 503 in {answer.result().status_code for answer in asked}
    assert status == 0, said
    assert len(said.splitlines()) == 3, said
    assert str(tmp_path / "lab.db") in said
    assert "Traceback" not in said


def test_what_cannot_be_served_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work, " * 100)
    refused = egams("serve", "--library", tmp_path / "thesis.tex", "--no-browser", ok=False)
    assert refused.returncode == 2
    assert "no library" in refused.stderr
    with listen("127.0.0.1", None) as taken:
        port = taken.getsockname()[1]
        with listen("127.0.0.1", None) as other:
            assert other.getsockname()[1] > port
        options = ("--library", tmp_path / "lab.db", "--no-browser", "--port", port)
        refused = egams("serve", *options, ok=False)
    assert refused.returncode == 2
    assert f"port {port}" in refused.stderr
    wrong = ("serve", "--library", tmp_path / "lab.db", "--bundle", tmp_path, "--no-browser")
    assert "no manifest.json" in egams(*wrong, ok=False).stderr


def test_reading_and_answering_load_nothing_that_only_training_needs(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from web_samples import finished, sent, served\n"
        "folder = Path(sys.argv[1])\n"
        "with served(folder) as client:\n"
        "    work = sent(client, 'a.csv', (folder / 'a.csv').read_bytes())\n"
        "    (run,) = finished(client, work)['runs']\n"
        "    client.get(f'/api/runs/{run}/traces')\n"
        "    client.get(f'/api/runs/{run}/spectrogram')\n"
        "print(*{'torch', 'sklearn', 'pandas', 'lightgbm', 'timm', 'matplotlib'} & {*sys.modules})"
    )
    (tmp_path / "a.csv").write_bytes(csv_of(1))
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.real
def test_real_runs_are_answered_as_by_the_command_line(real_data: Path, tmp_path: Path) -> None:
    packed = tmp_path / "train_features.zip"  # without the metadata that lie beside it
    packed.write_bytes((real_data / "drivendata-mini" / packed.name).read_bytes())
    egams("predict", packed, "-o", tmp_path / "answer.json")
    answers = json.loads((tmp_path / "answer.json").read_text())["runs"]
    with served(tmp_path) as client:
        work = finished(client, sent(client, packed.name, packed.read_bytes()), 300)
        found = [client.get(f"/api/runs/{run}").json()["prediction"] for run in work["runs"]]
    assert found == answers
