"""Drives a server with the official Python client over REST.

    python check.py http://127.0.0.1:6333

Prints a line for each check, "ok NAME" or "FAIL NAME", and exits with 1 if one
of them failed. Warnings of the client are failures: one would mean that it
doubts the server.
"""

import sys
import traceback
import uuid
import warnings

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def expect(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def refused(status, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except UnexpectedResponse as e:
        expect(e.status_code, status)
        assert text in e.content.decode(), e.content
        return
    raise AssertionError(f"not refused: {text}")


def fresh(client, name, **config):
    client.delete_collection(name)
    config.setdefault("vectors_config", models.VectorParams(size=4, distance=models.Distance.DOT))
    assert client.create_collection(name, **config)
    return name


def ids(points):
    return [p.id for p in points]


@check
def version_fits(client):
    expect(client.info().title, "qdrant - vector search engine")


@check
def collections(client):
    name = fresh(client, "py", on_disk_payload=False, hnsw_config=models.HnswConfigDiff(m=20), metadata={"owner": "me"})
    assert client.collection_exists(name)
    assert not client.collection_exists("py-none")
    assert name in [c.name for c in client.get_collections().collections]
    info = client.get_collection(name)
    expect(info.config.params.vectors.size, 4)
    expect(info.config.hnsw_config.m, 20)
    expect(info.config.metadata, {"owner": "me"})
    client.update_collection(name, hnsw_config=models.HnswConfigDiff(ef_construct=50))
    info = client.get_collection(name)
    expect((info.config.hnsw_config.m, info.config.hnsw_config.ef_construct), (20, 50))
    refused(409, "already exists", client.create_collection, name, vectors_config=models.VectorParams(size=4, distance="Dot"))
    refused(404, "doesn't exist", client.get_collection, "py-none")


@check
def upsert_and_retrieve(client):
    name = fresh(client, "py")
    u = str(uuid.uuid4())
    result = client.upsert(name, [
        models.PointStruct(id=1, vector=[0.1, 0.2, 0.3, 0.4], payload={"i": 1, "f": 1.0, "n": None, "l": [1, {"k": "v"}]}),
        models.PointStruct(id=u, vector=[1, 2, 3, 4]),
        models.PointStruct(id=2**64 - 1, vector=[5, 6, 7, 8], payload={"big": 2**63}),
    ])
    expect(result.status, models.UpdateStatus.COMPLETED)
    points = client.retrieve(name, [u, 1, 77, 2**64 - 1], with_vectors=True)
    expect(ids(points), [u, 1, 2**64 - 1])
    expect(points[0].vector, [1.0, 2.0, 3.0, 4.0])
    expect(points[1].payload, {"i": 1, "f": 1.0, "n": None, "l": [1, {"k": "v"}]})
    assert isinstance(points[1].payload["f"], float) and isinstance(points[1].payload["i"], int)
    expect(points[2].payload, {"big": 2**63})
    expect(client.count(name).count, 3)
    client.upsert(name, models.Batch(ids=[10, 11], vectors=[[1, 0, 0, 0], [0, 1, 0, 0]], payloads=[{"a": 1}, {}]))
    expect(client.count(name).count, 5)
    client.delete(name, [10, 12345])
    expect(client.count(name).count, 4)
    refused(400, "Vector dimension error", client.upsert, name, [models.PointStruct(id=1, vector=[1.0])])


@check
def acknowledged_writes_are_read(client):
    name = fresh(client, "py")
    for i in range(50):
        result = client.upsert(name, [models.PointStruct(id=i, vector=[i, 0, 0, 0])], wait=False)
        expect(result.status, models.UpdateStatus.ACKNOWLEDGED)
        expect(client.count(name).count, i + 1)


@check
def upload(client):
    name = fresh(client, "py")
    client.upload_points(name, (models.PointStruct(id=i, vector=[i, 1, 2, 3], payload={"n": i}) for i in range(2500)), batch_size=300)
    expect(client.count(name).count, 2500)


@check
def scroll(client):
    name = fresh(client, "py")
    client.upsert(name, [models.PointStruct(id=i, vector=[i, 0, 0, 0], payload={"n": i, "even": i % 2 == 0}) for i in range(25)])
    seen, offset = [], None
    while True:
        points, offset = client.scroll(name, limit=7, offset=offset, with_payload=["n"], with_vectors=True)
        seen += points
        if offset is None:
            break
    expect(ids(seen), list(range(25)))
    expect(seen[3].payload, {"n": 3})
    expect(seen[3].vector, [3.0, 0.0, 0.0, 0.0])
    client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
    points, _ = client.scroll(name, limit=3, order_by=models.OrderBy(key="n", direction=models.Direction.DESC, start_from=20))
    expect(ids(points), [20, 19, 18])


@check
def filters(client):
    name = fresh(client, "py")
    client.upsert(name, [
        models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"city": "Berlin", "n": 5, "at": "2024-01-02T03:04:05Z", "loc": {"lon": 13.4, "lat": 52.5}}),
        models.PointStruct(id=2, vector=[1, 0, 0, 0], payload={"city": ["Rome", "Paris"], "n": 7.5, "l": [{"a": 1, "b": 2}]}),
        models.PointStruct(id=3, vector=[1, 0, 0, 0], payload={"city": None}),
    ])

    def matching(**f):
        points, _ = client.scroll(name, scroll_filter=models.Filter(**f))
        expect(client.count(name, count_filter=models.Filter(**f)).count, len(points))
        return ids(points)

    expect(matching(must=[models.FieldCondition(key="city", match=models.MatchValue(value="Rome"))]), [2])
    expect(matching(must=[models.FieldCondition(key="city", match=models.MatchAny(any=["Berlin", "Paris"]))]), [1, 2])
    expect(matching(must_not=[models.FieldCondition(key="city", match=models.MatchExcept(**{"except": ["Berlin"]}))]), [1, 3])
    expect(matching(must=[models.FieldCondition(key="n", range=models.Range(gt=5))]), [2])
    expect(matching(must=[models.FieldCondition(key="at", range=models.DatetimeRange(gte="2024-01-01T00:00:00Z"))]), [1])
    expect(matching(must=[models.FieldCondition(key="loc", geo_radius=models.GeoRadius(center=models.GeoPoint(lon=13.4, lat=52.5), radius=10))]), [1])
    expect(matching(must=[models.IsNullCondition(is_null=models.PayloadField(key="city"))]), [3])
    expect(matching(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="n"))]), [3])
    expect(matching(must=[models.HasIdCondition(has_id=[1, 3, 9])]), [1, 3])
    expect(matching(must=[models.NestedCondition(nested=models.Nested(key="l", filter=models.Filter(must=[
        models.FieldCondition(key="a", match=models.MatchValue(value=1)), models.FieldCondition(key="b", match=models.MatchValue(value=2))])))]), [2])
    expect(matching(min_should=models.MinShould(conditions=[models.HasIdCondition(has_id=[1, 2]), models.HasIdCondition(has_id=[2])], min_count=2)), [2])
    client.delete(name, models.FilterSelector(filter=models.Filter(must=[models.HasIdCondition(has_id=[1])])))
    expect(client.count(name).count, 2)


@check
def payload(client):
    name = fresh(client, "py")
    client.upsert(name, [models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"a": 1, "o": {"x": 1}})])

    def stored():
        return client.retrieve(name, [1])[0].payload

    client.set_payload(name, {"b": 2}, points=[1])
    expect(stored(), {"a": 1, "b": 2, "o": {"x": 1}})
    client.set_payload(name, {"y": 2}, points=[1], key="o")
    expect(stored(), {"a": 1, "b": 2, "o": {"x": 1, "y": 2}})
    client.delete_payload(name, ["b", "o.x"], points=models.Filter(must=[models.HasIdCondition(has_id=[1])]))
    expect(stored(), {"a": 1, "o": {"y": 2}})
    client.overwrite_payload(name, {"c": 3}, points=[1])
    expect(stored(), {"c": 3})
    client.clear_payload(name, points_selector=[1])
    expect(stored(), {})
    refused(404, "No point with id 9 found", client.set_payload, name, {"b": 2}, points=[9])


@check
def named_vectors(client):
    name = fresh(
        client, "py",
        vectors_config={
            "dense": models.VectorParams(size=2, distance=models.Distance.COSINE),
            "half": models.VectorParams(size=2, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16),
            "multi": models.VectorParams(size=2, distance=models.Distance.DOT,
                                         multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)),
        },
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
    )
    client.upsert(name, [models.PointStruct(id=1, vector={
        "dense": [3.0, 4.0], "half": [0.5, 0.25], "multi": [[1, 2], [3, 4]], "sparse": models.SparseVector(indices=[7, 3], values=[0.7, 0.3])})])
    vectors = client.retrieve(name, [1], with_vectors=True)[0].vector
    expect([round(x, 6) for x in vectors["dense"]], [0.6, 0.8])
    expect(vectors["half"], [0.5, 0.25])
    expect(vectors["multi"], [[1.0, 2.0], [3.0, 4.0]])
    expect(vectors["sparse"].indices, [3, 7])
    client.update_vectors(name, [models.PointVectors(id=1, vector={"half": [1.0, 2.0]})])
    client.delete_vectors(name, ["multi"], points=[1])
    vectors = client.retrieve(name, [1], with_vectors=["half", "multi"])[0].vector
    expect(vectors, {"half": [1.0, 2.0]})


@check
def batch(client):
    name = fresh(client, "py")
    results = client.batch_update_points(name, [
        models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"k": 1})])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"z": 1}, points=[1])),
        models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["k"], points=[1])),
        models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=2, vector=[1, 0, 0, 0])])),
        models.DeleteOperation(delete=models.PointIdsList(points=[2])),
    ])
    expect([r.status for r in results], [models.UpdateStatus.COMPLETED] * 5)
    expect(client.retrieve(name, [1, 2])[0].payload, {"z": 1})
    expect(client.count(name).count, 1)


@check
def aliases(client):
    name = fresh(client, "py")
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name="py-alias"))])
    client.upsert("py-alias", [models.PointStruct(id=1, vector=[1, 0, 0, 0])])
    expect(client.count("py-alias").count, 1)
    expect([a.alias_name for a in client.get_collection_aliases(name).aliases], ["py-alias"])
    client.update_collection_aliases([
        models.RenameAliasOperation(rename_alias=models.RenameAlias(old_alias_name="py-alias", new_alias_name="py-other")),
    ])
    expect([a.alias_name for a in client.get_aliases().aliases if a.collection_name == name], ["py-other"])
    client.update_collection_aliases([models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="py-other"))])
    assert not client.collection_exists("py-other")


@check
def payload_indexes(client):
    name = fresh(client, "py")
    expect(client.create_payload_index(name, "s", models.PayloadSchemaType.KEYWORD, wait=True).status, models.UpdateStatus.COMPLETED)
    client.create_payload_index(name, "t", models.TextIndexParams(type="text", tokenizer=models.TokenizerType.WORD, lowercase=True))
    client.upsert(name, [models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"s": "x", "t": "Quick brown fox"})])
    schema = client.get_collection(name).payload_schema
    expect((schema["s"].data_type, schema["s"].points), (models.PayloadSchemaType.KEYWORD, 1))
    points, _ = client.scroll(name, scroll_filter=models.Filter(must=[models.FieldCondition(key="t", match=models.MatchText(text="brown QUICK"))]))
    expect(ids(points), [1])
    client.delete_payload_index(name, "s")
    assert "s" not in client.get_collection(name).payload_schema


@check
def nearest(client):
    name = fresh(client, "py", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
    client.upsert(name, [models.PointStruct(id=i, vector=[i, 10 - i], payload={"g": i % 3}) for i in range(1, 10)])
    points = client.query_points(name, query=[1.0, 0.0], limit=3, with_payload=True, with_vectors=True).points
    expect(ids(points), [9, 8, 7])
    expect(points[0].payload, {"g": 0})
    assert abs(points[0].score - 0.99388367) < 1e-6 and points[0].version > 0
    expect(ids(client.query_points(name, query=1, limit=2).points), [2, 3])
    expect(ids(client.query_points(name, query=[1.0, 0.0], offset=1, limit=2).points), [8, 7])
    expect(len(client.query_points(name, query=[1.0, 0.0], score_threshold=0.9).points), 3)
    only = models.Filter(must=[models.FieldCondition(key="g", match=models.MatchValue(value=1))])
    expect(ids(client.query_points(name, query=[1.0, 0.0], query_filter=only).points), [7, 4, 1])
    expect(ids(client.query_points(name, limit=2).points), [1, 2])
    refused(501, "is not part of this version", client.query_points, name, query=models.FusionQuery(fusion=models.Fusion.RRF),
            prefetch=[models.Prefetch(query=[1.0, 0.0])])


def run(url, checks, *arguments):
    """Runs checks, each with a client and the arguments, and returns the exit code."""
    warnings.simplefilter("error")
    client = QdrantClient(url=url, prefer_grpc=False, timeout=30)
    failed = False
    for function in checks:
        try:
            function(client, *arguments)
            print("ok", function.__name__, flush=True)
        except Exception:  # noqa: BLE001 - every failure is reported
            failed = True
            print("FAIL", function.__name__, flush=True)
            traceback.print_exc()
    client.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], CHECKS))
