package rest_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
)

// spec is the reference's OpenAPI document.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

// loadSpec reads the document once.
var loadOnce = sync.OnceValues(func() (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/openapi.json")
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	return &spec{doc, router}, err
})

func loadSpec(t testing.TB) *spec {
	t.Helper()
	s, err := loadOnce()
	require.NoError(t, err)
	return s
}

// validate fails unless a is an answer that the document allows. Routes that it
// does not have are not looked at.
func (s *spec) validate(t *testing.T, e *exchange, a answer) {
	t.Helper()
	method, path, _ := strings.Cut(e.Do, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(e.body()))
	r.Host = ""
	r.URL.Path = strings.TrimRight(strings.ReplaceAll(r.URL.Path, "//", "/"), "/")
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status,
		Header:                 a.header,
		Body:                   io.NopCloser(bytes.NewReader(a.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
	require.NoError(t, err, "%s\n%s", e.Do, a.body)
}
