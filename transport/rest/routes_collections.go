package rest

// collectionRoutes are about collections as a whole: see collections.go,
// collection_info.go and, for the route that the reference does not have,
// tidemark.go.
var collectionRoutes = []*route{
	reads("GET /collections", (*Server).listCollections),
	reads("GET "+pathCollection, (*Server).getCollection),
	manages("PUT "+pathCollection, (*Server).createCollection),
	manages("PATCH "+pathCollection, (*Server).updateCollection),
	manages("DELETE "+pathCollection, (*Server).deleteCollection),
	reads("GET "+pathCollection+"/exists", (*Server).collectionExists),
	reads("GET "+pathCollection+"/optimizations", (*Server).optimizations),
	reads("GET "+pathCollection+"/tidemark", (*Server).tidemark),
}

// aliasRoutes are about other names of collections: see aliases.go.
var aliasRoutes = []*route{
	manages("POST /collections/aliases", (*Server).updateAliases),
	reads("GET "+pathCollection+"/aliases", (*Server).collectionAliases),
	reads("GET /aliases", (*Server).listAliases),
}

// schemaRoutes change what a collection knows of its points: see index.go and
// vectors.go.
var schemaRoutes = []*route{
	manages("PUT "+pathCollection+"/index", (*Server).createIndex),
	manages("DELETE "+pathCollection+"/index/{field_name}", (*Server).deleteIndex),
	manages("PUT "+pathCollection+"/vectors/{vector_name}", (*Server).createVector),
	manages("DELETE "+pathCollection+"/vectors/{vector_name}", (*Server).deleteVector),
}
