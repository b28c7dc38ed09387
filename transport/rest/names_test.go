package rest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPathsAreUTF8(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{}}`).status)
	for request, text := range map[string]string{
		"PUT /collections/c/vectors/%ff":    "[vector_name: vector name must be valid UTF-8]",
		"DELETE /collections/c/vectors/%ff": "[vector_name: vector name must be valid UTF-8]",
		"DELETE /collections/c/index/%ff":   "[field_name: field name must be valid UTF-8]",
		"GET /collections/c/points/%ff":     "[id: id must be valid UTF-8]",
		"GET /collections/%ff":              "[collection_name: collection name must be valid UTF-8]",
		"PUT /collections/%ff":              "[collection_name: collection name must be valid UTF-8]",
		"GET /collections/%ff/exists":       "[collection_name: collection name must be valid UTF-8]",
	} {
		method, path, _ := strings.Cut(request, " ")
		a := call(t, server, method, path, `{"dense":{"size":2,"distance":"Dot"}}`)
		require.Equal(t, 422, a.status, "%s: %s", request, a.body)
		require.Contains(t, string(a.body), "Validation error in path parameters: "+text, request)
	}
}

func TestAliasNames(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{}}`).status)
	change := func(body string) answer { return call(t, server, "POST", "/collections/aliases", body) }
	create := func(name string) answer {
		return change(`{"actions":[{"create_alias":{"collection_name":"c","alias_name":"` + name + `"}}]}`)
	}
	for name, text := range map[string]string{
		"a/b": `alias name cannot contain \"/\" char`, `a\\b`: `alias name cannot contain`, `a\u0000`: `alias name cannot contain`,
		".": `alias name cannot be \".\"`, "..": `alias name cannot be`, ".staging": `alias name cannot be`,
		strings.Repeat("x", 256): "must be at most 255 characters",
	} {
		a := create(name)
		require.Equal(t, 422, a.status, "%s: %s", name, a.body)
		require.Contains(t, string(a.body), "Validation error in JSON body: [actions[0].create_alias.alias_name: ", name)
		require.Contains(t, string(a.body), text, name)
	}
	for _, name := range []string{"", " ", "ü", "a.b-c_1", strings.Repeat("ü", 255)} {
		require.Equal(t, 200, create(name).status, name)
	}
	a := change(`{"actions":[{"delete_alias":{"alias_name":""}},{"rename_alias":{"old_alias_name":"ü","new_alias_name":"a/b"}}]}`)
	require.Equal(t, 422, a.status)
	require.Contains(t, string(a.body), "actions[1].rename_alias.new_alias_name: ")
	require.Contains(t, string(call(t, server, "GET", "/aliases", "").body), `"alias_name":""`, "nothing was changed")
	// What has such a name from before can be removed.
	require.Equal(t, 200, change(`{"actions":[{"delete_alias":{"alias_name":"a/b"}}]}`).status)
}
