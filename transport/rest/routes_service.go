package rest

// serviceRoutes are about the server itself: see service.go.
var serviceRoutes = []*route{
	reads("GET /", (*Server).root),
	reads("GET /healthz", (*Server).healthz),
	reads("GET /livez", (*Server).healthz),
	reads("GET /readyz", (*Server).readyz),

	reads("GET /telemetry", (*Server).telemetry),
	reads("GET /metrics", (*Server).metrics),
	reads("GET /issues", (*Server).listIssues),
	manages("DELETE /issues", (*Server).clearIssues),
}
