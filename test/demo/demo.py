"""Loads word vectors, takes a snapshot while others write, loses the collection,
restores it, is killed, and looks at every step whether all is there.

    python demo.py --binary tidemark --dir EMPTY_DIRECTORY [--vectors FILE] [--points 120000]

Without a file of vectors they are made up. Ends with 1 if anything is not as it
must be.
"""

import argparse
import itertools
import json
import sys
import tarfile
import threading
import traceback

import numpy
from qdrant_client import QdrantClient, models

import words
from server import Server

NAME = "words"
BATCH = 1000
# Points that are written while the snapshot is taken have ids from here on.
FIRST_NOTE = 10_000_000


def say(text):
    print(text, flush=True)


def require(condition, text):
    if not condition:
        raise AssertionError(text)


class Vocabulary:
    """The words that were loaded, to compute exactly what queries must answer."""

    def __init__(self):
        self.words, self.vectors = [], []

    def add(self, word, vector):
        self.words.append(word)
        self.vectors.append(numpy.asarray(vector, dtype=numpy.float32))

    def finish(self):
        matrix = numpy.stack(self.vectors)
        self.matrix = matrix / numpy.maximum(numpy.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)

    def best_scores(self, index, count):
        scores = self.matrix @ self.matrix[index]
        scores[index] = -2
        return numpy.sort(scores)[::-1][:count]


def load(client, pairs):
    client.create_collection(NAME, vectors_config=models.VectorParams(size=words.DIMENSIONS, distance=models.Distance.COSINE))
    vocabulary, ids = Vocabulary(), itertools.count()
    while batch := list(itertools.islice(pairs, BATCH)):
        points = []
        for word, vector in batch:
            vocabulary.add(word, vector)
            points.append(models.PointStruct(id=next(ids), vector=vector, payload={"word": word, "length": len(word), "first": word[:1]}))
        client.upsert(NAME, points)
    vocabulary.finish()
    require(client.count(NAME).count == len(vocabulary.words), "points are missing after loading")
    return vocabulary


def show_nearest(client, vocabulary, wanted):
    """Asks for the nearest words of some and compares with what is computed."""
    for word in wanted:
        index = vocabulary.words.index(word)
        only_words = models.Filter(must_not=[models.FieldCondition(key="note", range=models.Range(gte=0))])
        points = client.query_points(NAME, query=index, limit=5, query_filter=only_words).points
        expected = vocabulary.best_scores(index, 5)
        require(numpy.allclose([p.score for p in points], expected, atol=1e-4), f"the nearest of {word!r} are wrong: {points}")
        say(f"  {word}: " + ", ".join(f"{p.payload['word']} {p.score:.3f}" for p in points))


class Notes(threading.Thread):
    """Writes points one by one, numbered from 0, until it is stopped or the server
    is gone."""

    def __init__(self, url, first):
        super().__init__()
        self.url = url
        self.begun = self.acknowledged = first
        self.progress = threading.Condition()
        self.ended = threading.Event()

    def run(self):
        client = QdrantClient(url=self.url, prefer_grpc=False, check_compatibility=False)
        vector = [1.0] * words.DIMENSIONS
        try:
            while not self.ended.is_set():
                number = self.begun
                self.begun += 1
                client.upsert(NAME, [models.PointStruct(id=FIRST_NOTE + number, vector=vector, payload={"note": number})])
                with self.progress:
                    self.acknowledged = number + 1
                    self.progress.notify_all()
        except Exception:  # noqa: BLE001 - the server was killed: the last write may be there or not
            pass
        finally:
            client.close()

    def wait_for(self, more):
        with self.progress:
            target = self.acknowledged + more
            require(self.progress.wait_for(lambda: self.acknowledged >= target, timeout=60), "writes do not go on")

    def stop(self):
        self.ended.set()
        self.join()


def notes_in(client):
    """Returns the number of notes, which must be 0, 1, 2 … without a gap."""
    numbers, offset = [], FIRST_NOTE
    while offset is not None:
        points, offset = client.scroll(NAME, limit=1000, offset=offset, with_payload=["note"])
        numbers += [p.payload["note"] for p in points]
    require(numbers == list(range(len(numbers))), "the notes have a gap")
    return len(numbers)


def snapshot_under_writes(client, server):
    notes = Notes(server.url, 0)
    notes.start()
    notes.wait_for(20)
    low = notes.acknowledged
    taken = client.create_snapshot(NAME)
    high = notes.begun
    notes.wait_for(20)
    notes.stop()
    with tarfile.open(server.snapshots / NAME / taken.name) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
    say(f"  {taken.name}, {taken.size} bytes, sha256 {taken.checksum[:16]}…")
    say(f"  it says: position {manifest['position']}, {manifest['count']} points, digest {manifest['digest']}")
    return taken, manifest, low, high


def restore(client, server, taken, manifest, vocabulary, low, high):
    client.delete_collection(NAME)
    require(not client.collection_exists(NAME), "the collection is still there")
    say("  the collection is deleted")
    client.recover_snapshot(NAME, (server.snapshots / NAME / taken.name).as_uri(), checksum=taken.checksum)
    state, notes = server.state(NAME), notes_in(client)
    say(f"  restored: position {state['position']}, {state['count']} points, digest {state['digest']}")
    require(state["digest"] == manifest["digest"], "the digest is another")
    require(state["count"] == manifest["count"] == len(vocabulary.words) + notes, "the count is another")
    require(low <= notes <= high, f"{notes} notes are there, not {low} to {high}")
    say(f"  of the notes it holds the first {notes}: {low} were acknowledged before the call, {high} had begun when it was answered")


def crash(client, server, taken, vocabulary):
    notes = Notes(server.url, notes_in(client))
    notes.start()
    notes.wait_for(50)
    server.kill()
    notes.join()
    server.start()
    count, found = client.count(NAME).count, notes_in(client)
    say(f"  killed and started again: {count} points; {notes.acknowledged} notes were acknowledged, {found} are there")
    require(notes.acknowledged <= found <= notes.begun, "an acknowledged write is lost")
    require(count == len(vocabulary.words) + found, "the count is another")
    require(taken.name in [s.name for s in client.list_snapshots(NAME)], "the snapshot is gone")
    before = server.state(NAME)
    server.kill()
    server.start()
    after = server.state(NAME)
    require((before["count"], before["digest"]) == (after["count"], after["digest"]), "the digest is another after the next kill")
    say(f"  and once more, without writes: digest {after['digest']}, the same")


def demo(arguments, server):
    server.start()
    client = QdrantClient(url=server.url, prefer_grpc=False, timeout=300)
    pairs = words.from_file(arguments.vectors, arguments.points) if arguments.vectors else words.made_up(arguments.points)
    say(f"1. load {arguments.points} words ({'from ' + arguments.vectors if arguments.vectors else 'made up'})")
    vocabulary = load(client, pairs)
    say(f"  {server.state(NAME)['count']} points, digest {server.state(NAME)['digest']}")
    wanted = [w for w in ("river", "monday", "piano") if w in vocabulary.words] or vocabulary.words[:3]
    say("2. the nearest words, compared with an exact computation")
    show_nearest(client, vocabulary, wanted)
    say("3. take a snapshot while notes are written")
    taken, manifest, low, high = snapshot_under_writes(client, server)
    say("4. lose the collection and restore it")
    restore(client, server, taken, manifest, vocabulary, low, high)
    show_nearest(client, vocabulary, wanted)
    say("5. kill -9 while notes are written")
    crash(client, server, taken, vocabulary)
    show_nearest(client, vocabulary, wanted)
    client.close()
    say("all is as it must be")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--vectors")
    parser.add_argument("--points", type=int, default=120_000)
    arguments = parser.parse_args()
    server = Server(arguments.binary, arguments.dir)
    try:
        demo(arguments, server)
    except Exception:  # noqa: BLE001 - shown with what the server said
        traceback.print_exc()
        print(server.log(), file=sys.stderr)
        return 1
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
