package rest

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark/transport"
)

// route is one operation of the API.
type route struct {
	method string
	path   string // with the names of its parameters in braces
	access transport.Access
	handle func(*Server, *gin.Context) // nil answers 501
	// missing names what a 501 says is missing.
	missing string
	// snapshots says that handle needs Options.Snapshots.
	snapshots bool
}

// pattern returns the path as the router writes it.
func (r *route) pattern() string {
	return strings.NewReplacer("{", ":", "}", "").Replace(r.path)
}

// routeIndex finds routes by method and pattern.
type routeIndex map[string]map[string]*route

func (x routeIndex) add(r *route) {
	if x[r.method] == nil {
		x[r.method] = map[string]*route{}
	}
	x[r.method][r.pattern()] = r
}

func (x routeIndex) find(method, pattern string) *route { return x[method][pattern] }

// Paths that many routes begin with.
const (
	pathCollection = "/collections/{collection_name}"
	pathPoints     = pathCollection + "/points"
	pathSnapshots  = pathCollection + "/snapshots"
	pathShard      = pathCollection + "/shards/{shard_id}"
)

// What routes that answer 501 lack.
const (
	noFullSnapshots  = "a snapshot of the whole storage"
	noShardSnapshots = "a snapshot of one shard"
	noShardKeys      = "sharding by key"
	noSnapshots      = "the snapshot of a collection"
	noSearch         = "the older search call (use points/query)"
	noRecommend      = "recommendation"
	noDiscover       = "discovery"
	noMatrix         = "the distance matrix"
)

// routes is the API: the documented operations of the reference in the order of
// its documentation, then ours.
var routes = []*route{
	{method: http.MethodGet, path: "/", access: transport.Read, handle: (*Server).root},
	{method: http.MethodGet, path: "/healthz", access: transport.Read, handle: (*Server).healthz},
	{method: http.MethodGet, path: "/livez", access: transport.Read, handle: (*Server).healthz},
	{method: http.MethodGet, path: "/readyz", access: transport.Read, handle: (*Server).readyz},

	{method: http.MethodGet, path: "/collections", access: transport.Read, handle: (*Server).listCollections},
	{method: http.MethodGet, path: pathCollection, access: transport.Read, handle: (*Server).getCollection},
	{method: http.MethodPut, path: pathCollection, access: transport.Manage, handle: (*Server).createCollection},
	{method: http.MethodPatch, path: pathCollection, access: transport.Manage, handle: (*Server).updateCollection},
	{method: http.MethodDelete, path: pathCollection, access: transport.Manage, handle: (*Server).deleteCollection},
	{method: http.MethodGet, path: pathCollection + "/exists", access: transport.Read, handle: (*Server).collectionExists},
	{method: http.MethodGet, path: pathCollection + "/optimizations", access: transport.Read, handle: (*Server).optimizations},

	{method: http.MethodPost, path: "/collections/aliases", access: transport.Manage, handle: (*Server).updateAliases},
	{method: http.MethodGet, path: pathCollection + "/aliases", access: transport.Read, handle: (*Server).collectionAliases},
	{method: http.MethodGet, path: "/aliases", access: transport.Read, handle: (*Server).listAliases},

	{method: http.MethodPut, path: pathPoints, access: transport.Manage, handle: write((*document).readUpsert)},
	{method: http.MethodPost, path: pathPoints + "/delete", access: transport.Manage, handle: write((*document).readDelete)},
	{method: http.MethodPut, path: pathPoints + "/vectors", access: transport.Manage, handle: write((*document).readUpdateVectors)},
	{method: http.MethodPost, path: pathPoints + "/vectors/delete", access: transport.Manage, handle: write((*document).readDeleteVectors)},
	{method: http.MethodPost, path: pathPoints + "/payload", access: transport.Manage, handle: write((*document).readSetPayload)},
	{method: http.MethodPut, path: pathPoints + "/payload", access: transport.Manage, handle: write((*document).readOverwrite)},
	{method: http.MethodPost, path: pathPoints + "/payload/delete", access: transport.Manage, handle: write((*document).readDeletePayload)},
	{method: http.MethodPost, path: pathPoints + "/payload/clear", access: transport.Manage, handle: write((*document).readClear)},
	{method: http.MethodPost, path: pathPoints + "/batch", access: transport.Manage, handle: (*Server).batch},

	{method: http.MethodGet, path: pathPoints + "/{id}", access: transport.Read, handle: (*Server).getPoint},
	{method: http.MethodPost, path: pathPoints, access: transport.Read, handle: (*Server).getPoints},
	{method: http.MethodPost, path: pathPoints + "/scroll", access: transport.Read, handle: (*Server).scroll},
	{method: http.MethodPost, path: pathPoints + "/count", access: transport.Read, handle: (*Server).countPoints},

	{method: http.MethodPost, path: pathPoints + "/search", access: transport.Read, missing: noSearch},
	{method: http.MethodPost, path: pathPoints + "/search/batch", access: transport.Read, missing: noSearch},
	{method: http.MethodPost, path: pathPoints + "/search/groups", access: transport.Read, missing: noSearch},
	{method: http.MethodPost, path: pathPoints + "/recommend", access: transport.Read, missing: noRecommend},
	{method: http.MethodPost, path: pathPoints + "/recommend/batch", access: transport.Read, missing: noRecommend},
	{method: http.MethodPost, path: pathPoints + "/recommend/groups", access: transport.Read, missing: noRecommend},
	{method: http.MethodPost, path: pathPoints + "/discover", access: transport.Read, missing: noDiscover},
	{method: http.MethodPost, path: pathPoints + "/discover/batch", access: transport.Read, missing: noDiscover},
	{method: http.MethodPost, path: pathPoints + "/query", access: transport.Read, handle: (*Server).query},
	{method: http.MethodPost, path: pathPoints + "/query/batch", access: transport.Read, missing: "a batch of queries"},
	{method: http.MethodPost, path: pathPoints + "/query/groups", access: transport.Read, missing: "a query in groups"},
	{method: http.MethodPost, path: pathPoints + "/search/matrix/pairs", access: transport.Read, missing: noMatrix},
	{method: http.MethodPost, path: pathPoints + "/search/matrix/offsets", access: transport.Read, missing: noMatrix},
	{method: http.MethodPost, path: pathCollection + "/facet", access: transport.Read, missing: "facet"},

	{method: http.MethodPut, path: pathCollection + "/index", access: transport.Manage, handle: (*Server).createIndex},
	{method: http.MethodDelete, path: pathCollection + "/index/{field_name}", access: transport.Manage, handle: (*Server).deleteIndex},
	{method: http.MethodPut, path: pathCollection + "/vectors/{vector_name}", access: transport.Manage, handle: (*Server).createVector},
	{method: http.MethodDelete, path: pathCollection + "/vectors/{vector_name}", access: transport.Manage, handle: (*Server).deleteVector},

	{method: http.MethodPost, path: pathSnapshots + "/upload", access: transport.Manage, missing: "restoring an uploaded snapshot (use snapshots/recover)"},
	{method: http.MethodPut, path: pathSnapshots + "/recover", access: transport.Manage, handle: (*Server).recoverSnapshot, snapshots: true, missing: noSnapshots},
	{method: http.MethodGet, path: pathSnapshots, access: transport.Read, handle: (*Server).listSnapshots, snapshots: true, missing: noSnapshots},
	{method: http.MethodPost, path: pathSnapshots, access: transport.Manage, handle: (*Server).createSnapshot, snapshots: true, missing: noSnapshots},
	{method: http.MethodDelete, path: pathSnapshots + "/{snapshot_name}", access: transport.Manage, handle: (*Server).deleteSnapshot, snapshots: true, missing: noSnapshots},
	{method: http.MethodGet, path: pathSnapshots + "/{snapshot_name}", access: transport.Read, handle: (*Server).getSnapshot, snapshots: true, missing: noSnapshots},

	{method: http.MethodGet, path: "/snapshots", access: transport.Read, missing: noFullSnapshots},
	{method: http.MethodPost, path: "/snapshots", access: transport.Manage, missing: noFullSnapshots},
	{method: http.MethodDelete, path: "/snapshots/{snapshot_name}", access: transport.Manage, missing: noFullSnapshots},
	{method: http.MethodGet, path: "/snapshots/{snapshot_name}", access: transport.Read, missing: noFullSnapshots},

	{method: http.MethodGet, path: pathShard + "/snapshot", access: transport.Read, missing: noShardSnapshots},
	{method: http.MethodPost, path: pathShard + "/snapshots/upload", access: transport.Manage, missing: noShardSnapshots},
	{method: http.MethodPut, path: pathShard + "/snapshots/recover", access: transport.Manage, missing: noShardSnapshots},
	{method: http.MethodGet, path: pathShard + "/snapshots", access: transport.Read, missing: noShardSnapshots},
	{method: http.MethodPost, path: pathShard + "/snapshots", access: transport.Manage, missing: noShardSnapshots},
	{method: http.MethodDelete, path: pathShard + "/snapshots/{snapshot_name}", access: transport.Manage, missing: noShardSnapshots},
	{method: http.MethodGet, path: pathShard + "/snapshots/{snapshot_name}", access: transport.Read, missing: noShardSnapshots},

	{method: http.MethodPut, path: pathCollection + "/shards", access: transport.Manage, missing: noShardKeys},
	{method: http.MethodGet, path: pathCollection + "/shards", access: transport.Read, handle: (*Server).listShardKeys},
	{method: http.MethodPost, path: pathCollection + "/shards/delete", access: transport.Manage, missing: noShardKeys},
	{method: http.MethodGet, path: "/cluster", access: transport.Read, handle: (*Server).clusterStatus},
	{method: http.MethodGet, path: "/cluster/telemetry", access: transport.Read, handle: (*Server).clusterTelemetry},
	{method: http.MethodPost, path: "/cluster/recover", access: transport.Manage, handle: (*Server).clusterRecover},
	{method: http.MethodDelete, path: "/cluster/peer/{peer_id}", access: transport.Manage, handle: (*Server).removePeer},
	{method: http.MethodGet, path: pathCollection + "/cluster", access: transport.Read, handle: (*Server).collectionCluster},
	{method: http.MethodPost, path: pathCollection + "/cluster", access: transport.Manage, missing: "moving shards between nodes"},

	{method: http.MethodGet, path: "/telemetry", access: transport.Read, handle: (*Server).telemetry},
	{method: http.MethodGet, path: "/metrics", access: transport.Read, handle: (*Server).metrics},
	{method: http.MethodGet, path: "/issues", access: transport.Read, handle: (*Server).listIssues},
	{method: http.MethodDelete, path: "/issues", access: transport.Manage, handle: (*Server).clearIssues},

	{method: http.MethodGet, path: pathCollection + "/tidemark", access: transport.Read, handle: (*Server).tidemark},
}
