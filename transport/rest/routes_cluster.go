package rest

import "github.com/tidemark-db/tidemark/transport"

// noShardKeys is what routes of shards by key lack.
const noShardKeys = "sharding by key"

// clusterRoutes are about the nodes of a cluster and the shards that they hold:
// see cluster.go.
var clusterRoutes = []*route{
	reads("GET /cluster", (*Server).clusterStatus),
	reads("GET /cluster/telemetry", (*Server).clusterTelemetry),
	manages("POST /cluster/recover", (*Server).clusterRecover),
	manages("DELETE /cluster/peer/{peer_id}", (*Server).removePeer),
	reads("GET "+pathCollection+"/cluster", (*Server).collectionCluster),
	lacks(transport.Manage, "POST "+pathCollection+"/cluster", "moving shards between nodes"),
	reads("GET "+pathCollection+"/shards", (*Server).listShardKeys),
	lacks(transport.Manage, "PUT "+pathCollection+"/shards", noShardKeys),
	lacks(transport.Manage, "POST "+pathCollection+"/shards/delete", noShardKeys),
}
