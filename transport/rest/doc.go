// Package rest serves Tidemark over HTTP in the shapes that Qdrant's clients
// speak: the same routes, envelopes, status codes and texts.
//
// A request passes the middleware (normal form of the path, access log,
// recovery, CORS, keys), is read whole into a pooled document, decoded from
// there straight into the engine's types, and answered from one buffer. What
// is the same for every protocol (names, parameters, settings, how errors are
// shown) is in package transport.
package rest
