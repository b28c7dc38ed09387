package rest

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark/transport"
)

// The API is the documented operations of the reference and a few of ours. Each
// topic has its table, in a file of its own named routes_*.go; the handlers lie
// in the file of their topic.
func apiRoutes() []*route {
	return slices.Concat(
		serviceRoutes, collectionRoutes, aliasRoutes, pointWriteRoutes, pointReadRoutes, searchRoutes, schemaRoutes,
		snapshotRoutes, snapshotVerifyRoutes, snapshotUndoRoutes, snapshotJobRoutes, storageSnapshotRoutes, fullSnapshotRoutes, shardSnapshotRoutes, clusterRoutes,
	)
}

// Paths that many routes begin with.
const (
	pathCollection = "/collections/{collection_name}"
	pathPoints     = pathCollection + "/points"
	pathSnapshots  = pathCollection + "/snapshots"
	pathShard      = pathCollection + "/shards/{shard_id}"
)

// handler answers the requests of a route.
type handler = func(*Server, *gin.Context)

// route is one operation of the API.
type route struct {
	method string
	path   string // with the names of its parameters in braces
	access transport.Access
	handle handler // nil answers 501
	// missing names what a 501 says is missing.
	missing string
	// snapshots says that handle needs Options.Snapshots.
	snapshots bool
}

func newRoute(operation string, access transport.Access) *route {
	method, path, _ := strings.Cut(operation, " ")
	return &route{method: method, path: path, access: access}
}

// reads is a route that the read-only key opens. An operation is a method and a
// path.
func reads(operation string, handle handler) *route {
	r := newRoute(operation, transport.Read)
	r.handle = handle
	return r
}

// manages is a route that needs a key that may change things.
func manages(operation string, handle handler) *route {
	r := newRoute(operation, transport.Manage)
	r.handle = handle
	return r
}

// lacks is a route that answers 501, saying what is missing, to those who hold a
// key that would do if it were there.
func lacks(access transport.Access, operation, missing string) *route {
	r := newRoute(operation, access)
	r.missing = missing
	return r
}

// needsSnapshots is a route that answers only if the server was given something
// that makes snapshots.
func needsSnapshots(r *route) *route {
	r.snapshots, r.missing = true, "the snapshot of a collection"
	return r
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
