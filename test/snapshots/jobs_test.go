package snapshots

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// job is a job in the list.
type job struct {
	ID         string `json:"id"`
	Operation  string `json:"operation"`
	Collection string `json:"collection"`
	Source     string `json:"source"`
	Snapshot   string `json:"snapshot"`
	State      string `json:"state"`
	Phase      string `json:"phase"`
	Error      string `json:"error"`
	Position   uint64 `json:"position"`
	Total      int64  `json:"bytes_total"`
}

func (s *server) jobs(t *testing.T) []job {
	t.Helper()
	return result[[]job](t, s, "GET /snapshots/jobs", "")
}

// upload sends a file in a form while it reads it, as clients do.
func (s *server) upload(t *testing.T, collection, query string, content io.Reader, header ...string) response {
	t.Helper()
	body, out := io.Pipe()
	form := multipart.NewWriter(out)
	go func() {
		part, err := form.CreateFormFile("snapshot", "mine.snapshot")
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err == nil {
			err = form.Close()
		}
		out.CloseWithError(err)
	}()
	defer body.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/collections/"+collection+"/snapshots/upload"+query, body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, answer}
}

// TestEverySource restores the same snapshot from each place and compares.
func TestEverySource(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(64))
	s.fill(t, "c", 2000, 64)
	made, want := s.create(t, "c"), s.state(t, "c")
	s.must(t, "DELETE /collections/c", "")
	content, err := os.ReadFile(s.file("c", made.Name))
	require.NoError(t, err)
	keys := make(chan string, 10)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("api-key")
		_, _ = w.Write(content)
	}))
	defer host.Close()
	for name, restore := range map[string]func(collection string) response{
		"file": func(c string) response {
			return s.get(t, recoverRequest(c), recoverBody(s.file("c", made.Name), made.Checksum))
		},
		"url": func(c string) response {
			return s.get(t, recoverRequest(c), fmt.Sprintf(`{"location":%q,"api_key":"k","checksum":%q}`, host.URL+"/x?secret", made.Checksum))
		},
		"name": func(c string) response {
			return s.get(t, recoverRequest(c), fmt.Sprintf(`{"location":"c/%s"}`, made.Name))
		},
		"upload":       func(c string) response { return s.upload(t, c, "?checksum="+made.Checksum, bytes.NewReader(content)) },
		"upload, kept": func(c string) response { return s.upload(t, c, "?keep_uploaded=true", bytes.NewReader(content)) },
	} {
		t.Run(name, func(t *testing.T) {
			collection := strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")
			r := restore(collection)
			require.Equal(t, 200, r.status, "%s", r.body)
			got := s.state(t, collection)
			require.Equal(t, want.Digest, got.Digest)
			done := s.jobs(t)[0]
			require.Equal(t, r.header.Get("Tidemark-Job-Id"), done.ID)
			require.Equal(t, "done", done.State)
			require.Equal(t, made.Size, done.Total)
			require.Equal(t, want.Position, done.Position)
			require.NotContains(t, done.Source, "secret")
			kept := s.list(t, collection)
			if name != "upload, kept" {
				require.Empty(t, kept)
				return
			}
			require.Equal(t, []description{{"mine.snapshot", kept[0].Created, made.Size, made.Checksum}}, kept)
		})
	}
	require.Equal(t, "k", <-keys)
	s.must(t, recoverRequest("c"), fmt.Sprintf(`{"location":%q}`, made.Name)) // a collection that was dropped
	require.Equal(t, want.Digest, s.state(t, "c").Digest)
}

// TestLargeUpload is larger than any other body may be.
func TestLargeUpload(t *testing.T) {
	s := start(t, t.TempDir(), "QDRANT__SERVICE__MAX_REQUEST_SIZE_MB=1", "QDRANT__SERVICE__API_KEY=secret")
	r := s.upload(t, "up", "", io.LimitReader(zeros{}, 8<<20), "api-key", "secret")
	require.Equal(t, 400, r.status)
	require.Contains(t, r.errorText(t), "no snapshot archive")
	r = s.upload(t, "up", "?checksum="+strings.Repeat("0", 64), io.LimitReader(zeros{}, 8<<20), "api-key", "secret")
	require.Equal(t, 400, r.status)
	require.Contains(t, r.errorText(t), "Checksum mismatch: expected "+strings.Repeat("0", 64)+", actual ")
	require.Equal(t, 404, s.get(t, "GET /collections/up", "", "api-key", "secret").status, "a phantom")
	require.Equal(t, 401, s.get(t, "POST /collections/up/snapshots/upload", "").status)
	require.Empty(t, s.below(t, "snapshots"))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestJobsOutliveTheServer: a client finds its job after the server was killed
// and started again, and nothing else of it.
func TestJobsOutliveTheServer(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.fill(t, "c", 100, 8)
	made := s.create(t, "c")
	content, err := os.ReadFile(s.file("c", made.Name))
	require.NoError(t, err)
	before := s.left(t)
	asked, release := make(chan struct{}, 2), make(chan struct{})
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(content[:len(content)/2])
		w.(http.Flusher).Flush()
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer host.Close()
	defer close(release)
	body := fmt.Sprintf(`{"location":%q}`, host.URL)
	cancelled := s.get(t, recoverRequest("new")+"?wait=false", body).header.Get("Tidemark-Job-Id")
	<-asked
	require.Equal(t, "running", result[job](t, s, "GET /snapshots/jobs/"+cancelled, "").State)
	require.Equal(t, "cancelled", result[job](t, s, "DELETE /snapshots/jobs/"+cancelled, "").State)
	require.Equal(t, before, s.left(t), "what a cancelled job leaves")
	killed := s.get(t, recoverRequest("new")+"?wait=false", body).header.Get("Tidemark-Job-Id")
	<-asked
	s.restart(t)
	list := s.jobs(t)
	require.Len(t, list, 3)
	require.Equal(t, []string{killed, cancelled}, []string{list[0].ID, list[1].ID})
	require.Equal(t, []string{"interrupted", "cancelled", "done"}, []string{list[0].State, list[1].State, list[2].State})
	require.NotEmpty(t, list[0].Error)
	require.Equal(t, made.Name, list[2].Snapshot)
	require.Equal(t, before, s.left(t), "what a killed job leaves")
	require.Equal(t, 404, s.get(t, "GET /snapshots/jobs/none", "").status)
}

// TestVerify proves a stored snapshot, and finds one byte that was changed.
func TestVerify(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.fill(t, "c", 100, 8)
	made := s.create(t, "c")
	path := "POST /collections/c/snapshots/" + made.Name + "/verify?level="
	s.must(t, path+"state", "")
	content, err := os.ReadFile(s.file("c", made.Name))
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(s.file("c", made.Name), content, 0o600))
	for _, level := range []string{"bytes", "structure", "state"} {
		r := s.get(t, path+level, "")
		require.Equal(t, 400, r.status, "%s", r.body)
		require.Contains(t, r.errorText(t), "the snapshot")
	}
	require.Equal(t, 400, s.get(t, path+"none", "").status)
	type verified struct {
		Verified []struct{ Level, Error string } `json:"verified"`
	}
	receipts := result[[]verified](t, s, "GET /collections/c/snapshots", "")[0].Verified
	require.Len(t, receipts, 3)
	for _, r := range receipts {
		require.NotEmpty(t, r.Error)
	}
	require.Empty(t, s.below(t, "snapshots/.staging"))
}

// TestURLSwitches: what the configuration refuses is refused.
func TestURLSwitches(t *testing.T) {
	s := start(t, t.TempDir(), "TIDEMARK__SNAPSHOT_URL_PRIVATE_ADDRESSES=false")
	r := s.get(t, recoverRequest("c"), `{"location":"http://localhost:1/x"}`)
	require.Equal(t, 403, r.status)
	require.Contains(t, r.errorText(t), "must not be fetched from")
	s.Kill()
	s = start(t, t.TempDir(), "QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY=false")
	r = s.get(t, recoverRequest("c"), `{"location":"http://localhost:1/x"}`)
	require.Equal(t, 403, r.status)
	require.Equal(t, "Forbidden: Snapshot recovery from remote URLs is disabled in the configuration", r.errorText(t))
}
