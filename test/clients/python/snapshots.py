"""Drives snapshots with the official Python client over REST.

    python snapshots.py http://127.0.0.1:6333 SNAPSHOTS_DIRECTORY

Prints what check.py prints.
"""

import hashlib
import pathlib
import sys
import time
import urllib.request

from qdrant_client import models

from check import expect, fresh, refused, run

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def filled(client, name, count=200):
    fresh(client, name)
    client.upsert(name, [models.PointStruct(id=i, vector=[i, 1, 2, 3], payload={"n": i}) for i in range(count)])
    return name


def location(directory, name, snapshot):
    return (pathlib.Path(directory) / name / snapshot).as_uri()


def eventually(condition):
    """Waits until condition returns something true, and returns it."""
    deadline = time.monotonic() + 60
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def clear(client, name):
    for s in client.list_snapshots(name):
        assert client.delete_snapshot(name, s.name)


@check
def create_and_list(client, directory):
    name = filled(client, "snap")
    clear(client, name)
    first = client.create_snapshot(name)
    assert first.name.startswith("snap-") and first.name.endswith(".snapshot"), first
    path = pathlib.Path(directory) / name / first.name
    expect(first.size, path.stat().st_size)
    expect(first.checksum, hashlib.sha256(path.read_bytes()).hexdigest())
    second = client.create_snapshot(name)
    assert second.name != first.name
    expect({s.name for s in client.list_snapshots(name)}, {first.name, second.name})
    expect([s for s in client.list_snapshots(name) if s.name == first.name], [first])
    refused(404, "doesn't exist", client.create_snapshot, "snap-none")
    refused(404, "doesn't exist", client.list_snapshots, "snap-none")


@check
def recover_what_was_lost(client, directory):
    name = filled(client, "snap")
    taken = client.create_snapshot(name)
    client.delete(name, [1, 2, 3])
    client.upsert(name, [models.PointStruct(id=10**6, vector=[1, 2, 3, 4])])
    before = client.upsert(name, [models.PointStruct(id=5, vector=[9, 9, 9, 9])]).operation_id
    assert client.recover_snapshot(name, location(directory, name, taken.name), checksum=taken.checksum)
    expect(client.count(name).count, 200)
    expect(client.retrieve(name, [5], with_vectors=True)[0].vector, [5.0, 1.0, 2.0, 3.0])
    after = client.upsert(name, [models.PointStruct(id=5, vector=[1, 1, 1, 1])]).operation_id
    assert after > before, (before, after)


@check
def recover_after_deletion_and_under_another_name(client, directory):
    name = filled(client, "snap")
    client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
    taken = client.create_snapshot(name)
    assert client.delete_collection(name)
    for target in (name, "snap-other"):
        client.delete_collection(target)
        assert client.recover_snapshot(target, location(directory, name, taken.name), priority=models.SnapshotPriority.SNAPSHOT)
        expect(client.count(target).count, 200)
        expect(client.get_collection(target).payload_schema["n"].points, 200)
        found = client.query_points(target, query=[1.0, 0.0, 0.0, 0.0], limit=2).points
        expect([p.id for p in found], [199, 198])
    client.delete_collection("snap-other")


@check
def refusals(client, directory):
    name = filled(client, "snap")
    taken = client.create_snapshot(name)
    client.delete(name, [0])
    where = location(directory, name, taken.name)
    refused(400, "Snapshot checksum mismatch", client.recover_snapshot, name, where, checksum="0" * 64)
    refused(400, "does not exist", client.recover_snapshot, name, location(directory, name, "none.snapshot"))
    refused(403, "inside the snapshots directory", client.recover_snapshot, name, "file:///etc/hosts")
    refused(500, "Http request error", client.recover_snapshot, name, "http://127.0.0.1:1/x.snapshot")
    refused(404, "Snapshot none.snapshot not found", client.delete_snapshot, name, "none.snapshot")
    refused(400, "checksum mismatch", client.recover_snapshot, "snap-phantom", where, checksum="0" * 64)
    assert not client.collection_exists("snap-phantom")
    fresh(client, "snap-other", vectors_config=models.VectorParams(size=3, distance=models.Distance.DOT))
    refused(400, "Snapshot is not compatible with existing collection", client.recover_snapshot, "snap-other", where)
    expect(client.count(name).count, 199)
    client.delete_collection("snap-other")


@check
def without_waiting(client, directory):
    name = filled(client, "snap")
    clear(client, name)
    client.create_snapshot(name, wait=False)
    taken = eventually(lambda: client.list_snapshots(name))[0]
    client.delete_collection("snap-later")
    client.recover_snapshot("snap-later", location(directory, name, taken.name), wait=False)
    eventually(lambda: client.collection_exists("snap-later"))
    expect(client.count("snap-later").count, 200)
    client.delete_snapshot(name, taken.name, wait=False)
    eventually(lambda: not client.list_snapshots(name))
    client.delete_collection("snap-later")


@check
def download(client, directory):
    name = filled(client, "snap")
    taken = client.create_snapshot(name)
    base = client._client.rest_uri  # the client has no call for this
    with urllib.request.urlopen(f"{base}/collections/{name}/snapshots/{taken.name}") as answer:
        expect(hashlib.sha256(answer.read()).hexdigest(), taken.checksum)
    assert client.delete_snapshot(name, taken.name)
    assert taken.name not in [s.name for s in client.list_snapshots(name)]


@check
def snapshots_of_the_whole_storage(client, directory):
    taken = client.create_full_snapshot()
    expect([(s.name, s.size, s.checksum) for s in client.list_full_snapshots()], [(taken.name, taken.size, taken.checksum)])
    assert client.delete_full_snapshot(taken.name)
    expect(client.list_full_snapshots(), [])
    refused(404, "not found", client.delete_full_snapshot, taken.name)


@check
def shard_snapshots_are_those_of_the_collection(client, directory):
    filled(client, "shard")
    taken = client.create_shard_snapshot("shard", 0)
    assert [s.name for s in client.list_shard_snapshots("shard", 0)] == [taken.name]
    assert client.recover_shard_snapshot("shard", 0, taken.name)
    assert client.delete_shard_snapshot("shard", 0, taken.name)
    assert client.list_snapshots("shard") == []
    refused(404, "shard 9 not found", client.create_shard_snapshot, "shard", 9)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], CHECKS, sys.argv[2]))
