package rest

import "github.com/tidemark-db/tidemark/transport"

// pointWriteRoutes write points: see points_write.go, and the *_decode.go for
// their bodies.
var pointWriteRoutes = []*route{
	manages("PUT "+pathPoints, write((*document).readUpsert)),
	manages("POST "+pathPoints+"/delete", write((*document).readDelete)),
	manages("PUT "+pathPoints+"/vectors", write((*document).readUpdateVectors)),
	manages("POST "+pathPoints+"/vectors/delete", write((*document).readDeleteVectors)),
	manages("POST "+pathPoints+"/payload", write((*document).readSetPayload)),
	manages("PUT "+pathPoints+"/payload", write((*document).readOverwrite)),
	manages("POST "+pathPoints+"/payload/delete", write((*document).readDeletePayload)),
	manages("POST "+pathPoints+"/payload/clear", write((*document).readClear)),
	manages("POST "+pathPoints+"/batch", (*Server).batch),
}

// pointReadRoutes read points by id or in order: see points_read.go and
// scroll.go.
var pointReadRoutes = []*route{
	reads("GET "+pathPoints+"/{id}", (*Server).getPoint),
	reads("POST "+pathPoints, (*Server).getPoints),
	reads("POST "+pathPoints+"/scroll", (*Server).scroll),
	reads("POST "+pathPoints+"/count", (*Server).countPoints),
}

// What searchRoutes lack.
const (
	noSearch    = "the older search call (use points/query)"
	noRecommend = "recommendation"
	noDiscover  = "discovery"
	noMatrix    = "the distance matrix"
)

// searchRoutes find points by what they are like: see query.go.
var searchRoutes = []*route{
	reads("POST "+pathPoints+"/query", (*Server).query),
	lacks(transport.Read, "POST "+pathPoints+"/query/batch", "a batch of queries"),
	lacks(transport.Read, "POST "+pathPoints+"/query/groups", "a query in groups"),
	lacks(transport.Read, "POST "+pathPoints+"/search", noSearch),
	lacks(transport.Read, "POST "+pathPoints+"/search/batch", noSearch),
	lacks(transport.Read, "POST "+pathPoints+"/search/groups", noSearch),
	lacks(transport.Read, "POST "+pathPoints+"/search/matrix/pairs", noMatrix),
	lacks(transport.Read, "POST "+pathPoints+"/search/matrix/offsets", noMatrix),
	lacks(transport.Read, "POST "+pathPoints+"/recommend", noRecommend),
	lacks(transport.Read, "POST "+pathPoints+"/recommend/batch", noRecommend),
	lacks(transport.Read, "POST "+pathPoints+"/recommend/groups", noRecommend),
	lacks(transport.Read, "POST "+pathPoints+"/discover", noDiscover),
	lacks(transport.Read, "POST "+pathPoints+"/discover/batch", noDiscover),
	lacks(transport.Read, "POST "+pathCollection+"/facet", "facet"),
}
