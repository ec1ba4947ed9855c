"""Every address of the workbench once, and all of them in its description."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from starlette.testclient import TestClient

from command_line import egams
from egams.families import FAMILIES
from egams.io import write_csv
from egams.io.run_rows import read_labels, read_submission
from egams.library.database import Database, check_all
from egams.library.library import Library
from prepared_samples import simulated
from table_samples import Dialect, text_of
from web_samples import csv_of, finished, in_mbar, sent, served

PRESENT = {family: int(family in ("sulfate", "carbonate")) for family in FAMILIES}

RAMP = '{"ramp": 35, "start": 30}'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rest")


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[TestClient]:
    with served(place) as client:
        yield client


@pytest.fixture(scope="module")
def runs(client: TestClient, place: Path) -> list[int]:
    """Four runs that are alike, the last of which gave off next to nothing."""
    works = [sent(client, f"lab{number}.csv", csv_of(number)) for number in (1, 2, 3)]
    run = simulated(1)
    quiet = replace(run, abundance=np.minimum(run.abundance, np.nanmedian(run.abundance, 0)))
    path = place / "blank.csv"
    write_csv(quiet, path)
    works.append(sent(client, "blank.csv", path.read_bytes()))
    return [finished(client, work)["runs"][0] for work in works]


def test_the_description_lists_every_address_and_each_says_what_it_does(client: TestClient) -> None:
    described = client.get("/api/openapi.json").json()["paths"]
    assert set(described) >= {
        *("/api/status", "/api/files", "/api/work", "/api/work/{id}", "/api/work/{id}/preview"),
        *("/api/work/{id}/reading", "/api/work/{id}/file", "/api/runs", "/api/runs/{id}"),
        *("/api/runs/{id}/traces", "/api/runs/{id}/spectrogram", "/api/runs/{id}/peaks"),
        *("/api/runs/{id}/explanation", "/api/training/{run_id}", "/api/runs/{id}/remark"),
        *("/api/runs/{id}/labels", "/api/runs/delete", "/api/runs/{id}/blank"),
        *("/api/runs/predict", "/api/predictions.csv", "/api/predictions.xlsx"),
        *("/api/predictions.json", "/api/report", "/api/teach", "/api/bundle"),
        *("/api/library/backup", "/api/library/export", "/api/library/labels.csv"),
    }
    reading = described["/api/work/{id}/reading"]["post"]["requestBody"]["content"]
    assert set(reading) == {"application/json", "multipart/form-data"}
    jsonschema.validate(json.loads(RAMP), reading["application/json"]["schema"])
    for wrong in ({"ramp": "fast"}, {"rampe": 35}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, reading["application/json"]["schema"])
    for path, methods in described.items():
        for method in methods.values():
            assert {"401", "403", "421", "500"} <= set(method["responses"])
            assert method["description"].endswith("."), path


def test_an_explanation_is_that_of_the_command_line_and_is_kept(
    client: TestClient, runs: list[int], tmp_path: Path
) -> None:
    (tmp_path / "lab1.csv").write_bytes(csv_of(1))
    egams("explain", tmp_path / "lab1.csv", "-o", tmp_path / "why.json")
    expected = json.loads((tmp_path / "why.json").read_text())
    one = next(iter(expected["families"]))
    found = client.get(f"/api/runs/{runs[0]}/explanation", params={"family": one}).json()
    assert found["families"] == {one: expected["families"][one]}
    found = client.get(f"/api/runs/{runs[0]}/explanation").json()
    lines = found.pop("lines")
    assert found.pop("bundle") == client.get("/api/status").json()["bundle"]["digest"]
    assert found == expected
    assert set(lines) == set(expected["families"])
    assert client.get(f"/api/runs/{runs[0]}/explanation").json()["lines"] == lines
    wrong = client.get(f"/api/runs/{runs[0]}/explanation", params={"family": "gold"})
    assert wrong.status_code == 400


def test_the_nearest_training_run_can_be_drawn(client: TestClient, runs: list[int]) -> None:
    nearest = client.get(f"/api/runs/{runs[0]}").json()["prediction"]["nearest"][0]
    known = client.get(f"/api/training/{nearest['sample_id']}").json()
    assert known["families"] == nearest["families"]
    assert {len(row) for row in known["abundance"]} == {len(known["temperature"])}
    assert len(known["abundance"]) == len(known["mz"])
    assert client.get("/api/training/nobody").status_code == 422


def test_a_blank_is_subtracted(client: TestClient, runs: list[int]) -> None:
    answer = client.post(f"/api/runs/{runs[0]}/blank", json={"blank": runs[3]})
    assert answer.status_code == 200, answer.text
    prediction = answer.json()["prediction"]
    row = client.get(f"/api/runs/{runs[0]}").json()
    assert prediction["as_measured"] == row["probabilities"]
    assert "blank" in " ".join(prediction["notes"])
    without = client.get(f"/api/runs/{runs[0]}/traces", params={"blank": runs[3]}).json()
    whole = client.get(f"/api/runs/{runs[0]}/traces").json()
    assert without["signal"] != whole["signal"]
    work = finished(client, sent(client, "pressure.csv", in_mbar(csv_of(3))))
    assert work["state"] == "done", work
    for other, why in ((runs[0], "its own blank"), (work["runs"][0], "in mbar, the run in A")):
        answers = (
            client.post(f"/api/runs/{runs[0]}/blank", json={"blank": other}),
            client.get(f"/api/runs/{runs[0]}/traces", params={"blank": other}),
        )
        for answer in answers:
            assert answer.status_code == 422
            assert why in answer.json()["error"]["text"]
    client.post("/api/runs/delete", json={"ids": work["runs"]})


def test_runs_are_listed_by_what_some_family_is_called_by_name_and_by_id(
    client: TestClient, runs: list[int]
) -> None:
    def ids(**query: object) -> list[int]:
        found = client.get("/api/runs", params={"limit": 1000, **query}).json()
        assert len(found["runs"]) == found["total"]
        return [run["id"] for run in found["runs"]]

    calls = {run["id"]: run["calls"] for run in client.get("/api/runs").json()["runs"]}
    for call in ("present", "uncertain"):
        assert ids(call=call) == [run for run in calls if call in calls[run].values()]
    assert ids(name="lab1") == [runs[0]]
    assert ids(name="lab") == []
    assert ids(ids=f"{runs[1]},4711,{runs[0]}") == runs[:2]
    for wrong in ({"call": "nonsense"}, {"family": "gold"}, {"ids": "one"}):
        assert client.get("/api/runs", params=wrong).status_code == 422
    answer = client.get("/api/work", params={"state": "done,foo"})
    assert answer.status_code == 422
    assert "there is no state 'foo'; expected queued, " in answer.json()["error"]["text"]


def test_remarks_and_labels_are_kept(client: TestClient, runs: list[int]) -> None:
    path = f"/api/runs/{runs[1]}"
    assert client.put(f"{path}/remark", json={"remark": "from the quarry"}).status_code == 200
    assert client.put(f"{path}/labels", json={"labels": PRESENT}).json()["labels"] == PRESENT
    found = client.get("/api/runs", params={"search": "quarry", "labelled": True}).json()
    assert [run["id"] for run in found["runs"]] == [runs[1]]
    for wrong in ({"basalt": 1}, PRESENT | {"basalt": 2}, PRESENT | {"gold": 1}, {"basalt": "x"}):
        assert client.put(f"{path}/labels", json={"labels": wrong}).status_code == 422
    assert client.get(path).json()["labels"] == PRESENT
    assert client.put(f"{path}/labels", json={"labels": None}).json()["labels"] is None
    assert client.put("/api/runs/4711/remark", json={"remark": "x"}).status_code == 404


def test_predictions_leave_as_the_command_line_writes_them(
    client: TestClient, runs: list[int], tmp_path: Path
) -> None:
    (tmp_path / "lab1.csv").write_bytes(csv_of(1))
    egams("predict", tmp_path / "lab1.csv", "-o", tmp_path / "answer.csv")
    answer = client.get("/api/predictions.csv", params={"ids": runs[0]})
    (tmp_path / "found.csv").write_bytes(answer.content)
    (ids, found), (expected_ids, expected) = map(
        read_submission, (tmp_path / "found.csv", tmp_path / "answer.csv")
    )
    assert ids == expected_ids
    np.testing.assert_allclose(found, expected, atol=1e-6)  # sums in batches of other sizes
    assert "attachment" in answer.headers["content-disposition"]
    everything = client.get("/api/predictions.csv").text
    assert len(list(csv.DictReader(io.StringIO(everything)))) == 4
    assert client.get("/api/predictions.xlsx").content.startswith(b"PK")
    both = client.get("/api/predictions.json", params={"ids": f"{runs[0]},{runs[1]}"}).json()
    assert [run["sample_id"] for run in both["runs"]] == ["lab1", "lab2"]
    assert client.get("/api/predictions.csv", params={"ids": "1,../2"}).status_code == 422


def test_a_report_is_written_and_handed_on(
    client: TestClient, runs: list[int], place: Path
) -> None:
    work = client.post("/api/report", json={"ids": runs[:1], "evidence": False}).json()
    done = finished(client, work)
    assert done["state"] == "done", done
    answer = client.get(f"/api/work/{work['id']}/file")
    assert "<svg" in answer.text
    assert f"digest {client.get('/api/status').json()['bundle']['digest'][:16]}" in answer.text
    assert "attachment" in answer.headers["content-disposition"]
    assert hashlib.sha256(csv_of(1)).hexdigest() in answer.text
    egams("library", "list", "--library", place / "lab.db")
    assert (place / "lab.db-wal").is_file(), "another process took the library for unused"
    assert client.delete(f"/api/work/{work['id']}").status_code == 200
    assert client.get(f"/api/work/{work['id']}/file").status_code == 404


def assert_a_backup_answers_with_the_taught_bundle(
    client: TestClient, place: Path, digest: str, folder: Path
) -> None:
    """A backup is one file with all of it; without the bundle it says what answers instead."""
    with Library.open(place / "lab.db") as library:
        assert library.bundles() == {digest}
        with library.writing() as db:  # as an older egams left it: beside the library alone
            db.execute("DELETE FROM bundles")
    (folder / "lab.db").write_bytes(client.get("/api/library/backup").content)
    check_all(folder / "lab.db", folder / "lab.db")
    with served(folder) as restored:
        restored.get("/api/training/S0001")  # waits for the bundle
        bundle = restored.get("/api/status").json()["bundle"]
        assert (bundle["digest"], bundle["problem"]) == (digest, None)
    with Library.open(folder / "lab.db") as library:
        work = library.works(["done"])
        lesson = next(each for each in work if each.kind == "teach")
        library.forget_bundle(digest)
    with served(folder) as restored:
        restored.get("/api/training/S0001")
        bundle = restored.get("/api/status").json()["bundle"]
        assert bundle["shipped"] and "not in this library" in bundle["problem"]
        refused = restored.post("/api/bundle", json={"work": lesson.id})
        assert refused.status_code == 409
        assert "Teach again" in refused.json()["error"]["text"]
        assert str(folder) not in refused.text + bundle["problem"]
        assert restored.post("/api/bundle", json={"work": "shipped"}).json()["problem"] is None


def test_a_lesson_is_shown_before_it_is_used(
    client: TestClient, runs: list[int], place: Path, tmp_path: Path
) -> None:
    assert client.post("/api/teach", json={}).status_code == 422
    for run in runs[:3]:
        client.put(f"/api/runs/{run}/labels", json={"labels": PRESENT})
    before = client.get("/api/status").json()["bundle"]
    assert before["shipped"]
    work = finished(client, client.post("/api/teach", json={}).json())
    assert work["state"] == "done", work
    lesson = work["result"]
    assert lesson["runs"] == 3
    assert lesson["after"] < lesson["before"]
    assert client.get("/api/status").json()["bundle"] == before
    used = client.post("/api/bundle", json={"work": work["id"]}).json()
    assert used["digest"] == lesson["bundle"]
    assert used["runs"] == before["runs"] + 3
    assert client.get("/api/runs", params={"stale": True}).json()["total"] == 4
    again = finished(client, client.post("/api/runs/predict", json={"ids": None}).json())
    assert (again["state"], again["done"], again["total"]) == ("done", 4, 4)
    assert client.get("/api/runs", params={"stale": True}).json()["total"] == 0
    answers = client.get(f"/api/runs/{runs[0]}").json()["answers"]
    assert {each["bundle"] for each in answers} == {before["digest"], lesson["bundle"]}
    for wrong in (4711, "elsewhere", "../x", None):
        assert client.post("/api/bundle", json={"work": wrong}).status_code in (404, 422)
    (place / "labels.csv").write_bytes(client.get("/api/library/labels.csv").content)
    names, values = read_labels(place / "labels.csv")
    assert names == ("lab1", "lab2", "lab3")
    assert values.tolist() == [[*map(float, PRESENT.values())]] * 3
    folder = place / "lab.db.bundles" / lesson["bundle"]
    assert_a_backup_answers_with_the_taught_bundle(client, place, lesson["bundle"], tmp_path)
    shutil.rmtree(folder)
    assert client.post("/api/bundle", json={"work": work["id"]}).json()["digest"] == used["digest"]
    assert client.delete(f"/api/work/{work['id']}").status_code == 200
    assert folder.is_dir(), "it is in use"
    again = finished(client, client.post("/api/teach", json={}).json())
    assert again["result"]["bundle"] == lesson["bundle"]
    assert client.post("/api/bundle", json={"work": "shipped"}).json()["shipped"]
    assert client.delete(f"/api/work/{again['id']}").status_code == 200
    assert not folder.exists()


def test_a_mapper_is_shown_the_table_and_its_answer_is_read(client: TestClient) -> None:
    table = text_of(simulated(4), Dialect(separator=";", decimal=",")).decode()
    head, _, body = table.partition("\n")
    work = finished(client, sent(client, "odd.txt", f"a;b;c;d\n{body}".encode()))
    assert work["state"] == "asking", work
    shown = client.get(f"/api/work/{work['id']}/preview").json()
    assert shown["needs"] == ["columns"]
    assert shown["question"] and "--" not in shown["question"]
    assert [column["name"] for column in shown["columns"]] == ["a", "b", "c", "d"]
    assert len(shown["rows"]) == 12
    names = [part.split(" [")[0] for part in head.split(";")]
    roles = {"time": "a [s]", "temp": "b [degC]", "m/z": "c", "abundance": "d"}
    assert len(names) == 4
    answer = client.post(f"/api/work/{work['id']}/reading", json={"columns": roles})
    done = finished(client, answer.json())
    assert done["state"] == "done", done
    for wrong in ({"column": roles}, {"temperature": "0" * 64}, {"columns": "x.yaml"}, {"ramp": 1}):
        answer = client.post(f"/api/work/{work['id']}/reading", json=wrong)
        assert answer.status_code == 422, wrong


def test_a_temperature_is_joined_from_a_file_or_a_ramp(client: TestClient) -> None:
    run = simulated(5)
    wide = (
        text_of(
            run,
            Dialect(channels="m/z {}"),
        )
        .decode()
        .splitlines()
    )
    place = next(i for i, name in enumerate(wide[0].split(",")) if "emp" in name)
    lacks = "\n".join(
        ",".join(cell for i, cell in enumerate(line.split(",")) if i != place) for line in wide
    )
    work = finished(client, sent(client, "balance.csv", lacks.encode()))
    assert (work["state"], work["needs"]) == ("asking", ["temp"]), work
    curve = "time [s];temp [degC]\n" + "\n".join(
        f"{time:.2f};{temp:.2f}" for time, temp in zip(run.time, run.temperature, strict=True)
    )
    answer = client.post(
        f"/api/work/{work['id']}/reading",
        data={"reading": json.dumps({"offset": 0})},
        files={"temperature": ("curve.csv", curve.encode())},
    )
    assert answer.status_code == 200, answer.text
    done = finished(client, answer.json())
    assert done["state"] == "done", done
    notes = client.get(f"/api/runs/{done['runs'][0]}").json()["notes"]
    assert any("curve.csv" in note for note in notes)
    ramp = sent(client, "ramp.csv", lacks.encode(), reading=RAMP)
    assert finished(client, ramp)["state"] == "done"
    (own,) = finished(client, sent(client, "own.csv", csv_of(5), reading=RAMP))["runs"]
    notes = " ".join(client.get(f"/api/runs/{own}").json()["notes"])
    assert "a ramp of 35" in notes
    assert "the file's own temperature is not used" in notes
    columns = {"columns": {"temp": "unused", "time": "time [s]"}}
    work = sent(client, "own.csv", csv_of(5), reading=json.dumps(json.loads(RAMP) | columns))
    (ramped,) = finished(client, work)["runs"]
    assert "a ramp of 35" in " ".join(client.get(f"/api/runs/{ramped}").json()["notes"])


def test_runs_are_removed_and_a_backup_is_whole(
    client: TestClient, runs: list[int], tmp_path: Path
) -> None:
    assert client.post("/api/runs/delete", json={"ids": [runs[2], 4711]}).status_code == 404
    assert client.get(f"/api/runs/{runs[2]}").status_code == 200
    assert client.post("/api/runs/delete", json={"ids": [runs[2]]}).status_code == 200
    assert client.get(f"/api/runs/{runs[2]}").status_code == 404
    total = client.get("/api/status").json()["runs"]
    packed = zipfile.ZipFile(io.BytesIO(client.get("/api/library/export").content))
    assert len(json.loads(packed.read("library.json"))["runs"]) == total
    copy = tmp_path / "copy.db"
    copy.write_bytes(client.get("/api/library/backup").content)
    with Database.open(copy) as opened:
        assert opened.revision == client.get("/api/status").json()["revision"]
