package snapshots

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// previous is a state that can be brought back.
type previous struct {
	ID       string    `json:"id"`
	Position uint64    `json:"position"`
	Points   int       `json:"points"`
	Bytes    int64     `json:"bytes"`
	Until    time.Time `json:"until"`
}

// undone is the answer to an undo.
type undone struct {
	SetAside struct {
		Writes  int    `json:"writes"`
		After   uint64 `json:"after_position"`
		Through uint64 `json:"through_position"`
		IDs     []any  `json:"ids"`
	} `json:"set_aside"`
	Previous *previous `json:"previous"`
}

// previous returns what an undo would bring back, as the collection tells it.
func (s *server) previous(t *testing.T, collection string) *previous {
	t.Helper()
	return result[struct {
		Previous *previous `json:"previous"`
	}](t, s, "GET /collections/"+collection+"/tidemark", "").Previous
}

// TestUndo: a restore is undone and the undo is undone, also after a kill, and
// nothing is lost on the way.
func TestUndo(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(2))
	s.fill(t, "c", 5, 2)
	snapshot := s.file("c", s.create(t, "c").Name)
	s.fill(t, "c", 7, 2)
	original := s.state(t, "c")
	require.Nil(t, s.previous(t, "c"))
	require.Equal(t, http.StatusNotFound, s.get(t, "POST /collections/c/snapshots/undo", "").status)

	answer := s.must(t, recoverRequest("c"), recoverBody(snapshot, ""))
	var restored struct {
		Result bool      `json:"result"`
		Undo   *previous `json:"undo"`
	}
	require.NoError(t, json.Unmarshal(answer, &restored))
	require.True(t, restored.Result)
	require.Equal(t, s.previous(t, "c"), restored.Undo)
	require.Equal(t, 7, restored.Undo.Points)
	require.Equal(t, original.Position, restored.Undo.Position)
	require.WithinRange(t, restored.Undo.Until, time.Now(), time.Now().Add(2*time.Hour))

	for _, id := range []string{`9`, `"0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"`} {
		s.must(t, "PUT /collections/c/points?wait=true", fmt.Sprintf(`{"points":[{"id":%s,"vector":[1,2]}]}`, id))
	}
	s.restart(t)
	after := s.state(t, "c")
	const undo = "POST /collections/c/snapshots/undo"
	planned := result[undone](t, s, undo+"?dry_run=true", "")
	require.Equal(t, after, s.state(t, "c"), "a dry run changes nothing")
	require.Equal(t, 2, planned.SetAside.Writes)
	require.Equal(t, []any{9.0, "0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"}, planned.SetAside.IDs)
	require.Equal(t, after.Position, planned.SetAside.Through)
	require.Less(t, planned.SetAside.After, planned.SetAside.Through)
	require.Equal(t, restored.Undo.ID, planned.Previous.ID)

	named := undo + "?previous=" + planned.Previous.ID
	done := result[undone](t, s, named, "")
	require.Equal(t, planned.SetAside, done.SetAside)
	require.Equal(t, original.Digest, s.state(t, "c").Digest)
	require.Greater(t, s.state(t, "c").Position, uint64(0))
	require.Equal(t, http.StatusBadRequest, s.get(t, named, "").status, "the same request once more undoes nothing")

	s.restart(t)
	require.Equal(t, http.StatusAccepted, s.get(t, undo+"?wait=false", "").status)
	require.Eventually(t, func() bool { return s.jobs(t)[0].State == "done" }, time.Minute, 10*time.Millisecond)
	require.Equal(t, "undo", s.jobs(t)[0].Operation)
	require.Equal(t, after.Digest, s.state(t, "c").Digest)
	s.must(t, "PUT /collections/c/points?wait=true", `{"points":[{"id":10,"vector":[1,2]}]}`)
	require.Greater(t, s.state(t, "c").Position, after.Position)
}

// TestNothingIsKeptToUndo: what is configured as 0 keeps nothing, and no restore
// promises it.
func TestNothingIsKeptToUndo(t *testing.T) {
	for _, key := range []string{"UNDO_RETENTION_SEC", "UNDO_MB"} {
		t.Run(key, func(t *testing.T) {
			s := start(t, t.TempDir(), "TIDEMARK__SNAPSHOTS__"+key+"=0")
			s.must(t, "PUT /collections/c", dense(2))
			s.fill(t, "c", 5, 2)
			snapshot := s.file("c", s.create(t, "c").Name)
			require.NotContains(t, string(s.must(t, recoverRequest("c"), recoverBody(snapshot, ""))), "undo")
			require.Equal(t, http.StatusNotFound, s.get(t, "POST /collections/c/snapshots/undo", "").status)
			entries, err := os.ReadDir(s.dir + "/storage/collections")
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}
