"""`egams serve` that is killed at any moment, or beside another: nothing lost, nothing half.

``PYTHONPATH=tests python tests/attack/test_web_kills.py 20`` kills it twenty times.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx

from egams.library.database import check_all
from egams.library.library import Library
from web_samples import Served, csv_of, finished, sent

CONTENTS = 6


def send_until_it_ends(server: Served, files: list[str], accepted: dict[str, int]) -> None:
    """Send files one after the other, and note those that were accepted."""
    with httpx.Client(base_url=server.client.base_url, timeout=30) as client:
        while files:
            content = content_of(files[-1])
            try:
                work = sent(client, files[-1], content)
            except httpx.TransportError:
                return
            accepted[files.pop()] = work["id"]


def content_of(name: str) -> bytes:
    """Contents that all differ: a remark on top of one of a few runs."""
    number = int(name.partition(".")[0])
    head, _, body = csv_of(number % CONTENTS).partition(b"\n")
    return head + b"\n" + body + b"\n" * number


def killed_again_and_again(folder: Path, times: int, files: int, seed: int) -> None:
    """Kill a server so many times while it is sent files and predicts; then all of it is there."""
    rng = random.Random(seed)
    library = folder / "lab.db"
    left = [f"{number}.csv" for number in range(files)]
    accepted: dict[str, int] = {}
    for _ in range(times):
        server = Served(library)
        sender = threading.Thread(target=send_until_it_ends, args=(server, left, accepted))
        sender.start()
        time.sleep(rng.uniform(0.0, 2.5))
        server.kill()
        sender.join()
        known = dict(accepted)
        again = Served(library)
        for name, work in known.items():
            assert again.client.get(f"/api/work/{work}").json()["name"] == name
        again.kill()
        check_all(library, library)
    server = Served(library)
    send_until_it_ends(server, left, accepted)
    all_are_predicted_once(server, accepted)
    status, _ = server.interrupt()
    assert status == 0
    check_all(library, library)
    assert not list((folder / "lab.db.uploads").iterdir()), "files of the killed were removed"


def all_are_predicted_once(server: Served, accepted: dict[str, int]) -> None:
    end = time.monotonic() + 60 + len(accepted)
    while time.monotonic() < end:
        counts = server.client.get("/api/status").json()["work"]
        if counts["queued"] + counts["working"] == 0:
            break
        time.sleep(0.2)
    for name, work in accepted.items():
        found = server.client.get(f"/api/work/{work}").json()
        assert found["state"] == "done", found
        assert len(found["runs"]) == 1, found
        assert found["name"] == name
    rows = server.client.get("/api/runs", params={"limit": 1000}).json()
    files = Counter(row["file"] for row in rows["runs"])
    assert set(files) >= set(accepted)
    assert set(files.values()) == {1}
    assert all(len(row["calls"]) == 10 for row in rows["runs"])


def test_a_server_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, times=2, files=60, seed=0)


def many_in_a_zip(count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}.csv", content_of(f"{number}.csv"))
        archive.writestr("broken.csv", b"time,temp,m/z,abundance\n0,hot,18,1\n")
    return packed.getvalue()


def sent_and_begun(server: Served, packed: bytes) -> str:
    """Send a zip, and wait until some of its runs are predicted; the id of the work."""
    work = sent(server.client, "many.zip", packed)
    while not (found := server.client.get(f"/api/work/{work['id']}").json())["done"]:
        assert found["state"] in ("queued", "working")
        time.sleep(0.02)
    return str(work["id"])


def goes_on_where_it_was(library: Path, work: str, count: int) -> None:
    """Finish the work on a zip that was begun: each run once, none a second time."""
    with Library.open(library) as opened:
        before = opened.work(work).runs
        made = [opened.run(id).predicted for id in before]
    assert 0 < len(before) < count
    again = Served(library)
    end = finished(again.client, {"id": work})
    assert (end["state"], end["done"], end["total"]) == ("done", count + 1, count + 1)
    assert len(set(end["runs"])) == count
    assert [skipped["sample_id"] for skipped in end["skipped"]] == ["broken"]
    assert tuple(end["runs"][: len(before)]) == before
    again.kill()
    with Library.open(library) as opened:
        assert [opened.run(id).predicted for id in before] == made, "they were not read again"


def test_a_large_file_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    server = Served(tmp_path / "lab.db")
    work = sent_and_begun(server, many_in_a_zip(40))
    server.kill()
    goes_on_where_it_was(tmp_path / "lab.db", work, 40)


def test_ctrl_c_ends_at_once_and_gives_work_back(tmp_path: Path) -> None:
    server = Served(tmp_path / "lab.db")
    work = sent_and_begun(server, many_in_a_zip(40))
    begun = time.monotonic()
    status, said = server.interrupt()
    assert time.monotonic() - begun < 5
    assert (status, "Traceback" in said) == (0, False), said
    with Library.open(tmp_path / "lab.db") as library:
        assert library.work(work).state == "queued"
    goes_on_where_it_was(tmp_path / "lab.db", work, 40)


def test_two_servers_on_one_library_do_all_work_once(tmp_path: Path) -> None:
    servers = [Served(tmp_path / "lab.db") for _ in range(2)]
    assert servers[0].address != servers[1].address
    accepted: dict[str, int] = {}
    parts = [[f"{number}.csv" for number in range(at, 40, 2)] for at in range(2)]
    senders = [
        threading.Thread(target=send_until_it_ends, args=(server, part, accepted))
        for server, part in zip(servers, parts, strict=True)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(accepted) == 40
    all_are_predicted_once(servers[0], accepted)
    all_are_predicted_once(servers[1], accepted)
    servers[0].kill()
    status, said = servers[1].interrupt()
    assert (status, "Traceback" in said) == (0, False)


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    server = Served(tmp_path / "lab.db")
    scratch = next((tmp_path / "lab.db.uploads").iterdir())

    def half() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        yield bytes(2**21)
        raise OSError("the line is cut")

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(2**22)}
    with suppress(OSError):
        server.client.post("/api/files", content=half(), headers=headers)
    time.sleep(0.5)
    assert server.client.get("/api/work").json()["total"] == 0
    assert [path.name for path in scratch.iterdir() if path.name != ".lock"] == []
    assert server.interrupt()[0] == 0


if __name__ == "__main__":
    for seed in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory() as place:
            killed_again_and_again(Path(place), times=1, files=60, seed=seed)
        print(f"{seed + 1} killed, all files predicted once", flush=True)
