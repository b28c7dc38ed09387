package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/internal/machine"
)

func nobody(context.Context) (Server, error) { return Server{}, errors.New("nobody there") }

// options examine directories of the test, for a moment.
func options(t *testing.T) Options {
	dir := t.TempDir()
	return Options{
		Storage: filepath.Join(dir, "storage"), Snapshots: filepath.Join(dir, "snapshots"), Reserve: 1,
		Root: dir, Duration: time.Millisecond, AskServer: nobody,
	}
}

func of(t *testing.T, all []Finding, check string) Finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no finding %q in %+v", check, all)
	return Finding{}
}

func TestExamineLooksAtEverythingAndLeavesNothing(t *testing.T) {
	o := options(t)
	require.NoError(t, os.Mkdir(o.Storage, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(o.Storage, "f"), make([]byte, 1000), 0o600))
	o.TryBucket = func(context.Context) error { return nil }
	o.Memory = 8 << 30
	all, err := Examine(t.Context(), o)
	require.NoError(t, err)
	for _, check := range []string{
		"storage file system", "storage fdatasync", "storage writing", "snapshots fdatasync", "snapshots writing", "storage room",
		"open files", "memory", "bucket", "clock", "storage clock", "snapshots clock",
	} {
		require.NotEmpty(t, of(t, all, check).Found)
	}
	require.Equal(t, OK, of(t, all, "memory").Status)
	require.Equal(t, OK, of(t, all, "bucket").Status)
	require.Equal(t, Skip, of(t, all, "server").Status)
	require.Equal(t, Skip, of(t, all, "memory mappings").Status) // no proc in this root
	require.Contains(t, of(t, all, "snapshots fdatasync").Found, "does not exist yet")
	require.NotContains(t, of(t, all, "storage fdatasync").Found, "does not exist yet")
	require.EqualValues(t, 1000, of(t, all, "snapshots room").Figures["storage_bytes"])
	for _, f := range all {
		require.Equal(t, f.Status == Warn || f.Status == Fail, f.Meaning != "", "%+v", f)
	}

	left, err := os.ReadDir(o.Storage)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.NoDirExists(t, o.Snapshots)
}

func TestADirectoryThatIsNone(t *testing.T) {
	o := options(t)
	require.NoError(t, os.WriteFile(o.Storage, nil, 0o600))
	o.Snapshots = ""
	all, err := Examine(t.Context(), o)
	require.NoError(t, err)
	f := of(t, all, "storage directory")
	require.Equal(t, Fail, f.Status)
	require.Contains(t, f.Found, "is not a directory")
	require.Equal(t, Fail, of(t, all, "snapshots directory").Status)
}

func TestABucketThatFails(t *testing.T) {
	o := options(t)
	o.TryBucket = func(context.Context) error { return errors.New("no such bucket") }
	all, err := Examine(t.Context(), o)
	require.NoError(t, err)
	f := of(t, all, "bucket")
	require.Equal(t, Fail, f.Status)
	require.Equal(t, "no such bucket", f.Found)
}

func TestExamineEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Examine(ctx, options(t))
	require.ErrorIs(t, err, context.Canceled)
}

func TestAServer(t *testing.T) {
	o := options(t)
	o.AskServer = func(context.Context) (Server, error) { return Server{URL: "u", Date: time.Now().Add(-time.Hour)}, nil }
	all := checkServer(t.Context(), o)
	require.Equal(t, Warn, of(t, all, "server").Status)
	require.Equal(t, Fail, of(t, all, "server clock").Status)
	o.AskServer = func(context.Context) (Server, error) { return Server{URL: "u", Ready: true}, nil }
	require.Equal(t, []Finding{{Check: "server", Status: OK, Found: "u is ready"}}, checkServer(t.Context(), o))
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 600e6, time.UTC)
	whole := at.Truncate(time.Second)
	for off, want := range map[time.Duration]Status{
		0: OK, time.Second: OK, -time.Second: OK, 4 * time.Second: Warn, -4 * time.Second: Warn, 2 * time.Minute: Fail, -2 * time.Minute: Fail,
	} {
		f := judgeDate(whole.Add(off), at, at.Add(10*time.Millisecond))
		require.Equal(t, want, f.Status, "%v: %v", off, f.Found)
	}
	require.Zero(t, judgeDate(whole, at, at).Figures["offset_seconds"]) // within its second
}

func TestJudgements(t *testing.T) {
	d := directory{name: "storage", path: "p", there: "p"}
	latency := func(p50, p99 time.Duration) machine.Latency { return machine.Latency{Count: 10, P50: p50, P99: p99} }
	one := latency(time.Millisecond, time.Second)
	one.Count = 1
	for _, tt := range []struct {
		name string
		got  Finding
		want Status
	}{
		{"a good disk", judgeSync(d, latency(time.Millisecond, 5*time.Millisecond)), OK},
		{"a slow disk", judgeSync(d, latency(10*time.Millisecond, 20*time.Millisecond)), Warn},
		{"a slow tail", judgeSync(d, latency(time.Millisecond, 100*time.Millisecond)), Warn},
		{"one measurement has no tail", judgeSync(d, one), OK},
		{"a stuck disk", judgeSync(d, latency(time.Second, time.Second)), Fail},
		{"no disk", judgeSync(d, latency(time.Microsecond, time.Microsecond)), Warn},
		{"writes fast", judgeWrite(d, 500), OK},
		{"writes slowly", judgeWrite(d, 49), Warn},
		{"writes nothing", judgeWrite(d, 0), Warn},
		{"ext4", judgeKind(d, unix.EXT4_SUPER_MAGIC), OK},
		{"memory", judgeKind(d, unix.TMPFS_MAGIC), Fail},
		{"a container's layer", judgeKind(d, unix.OVERLAYFS_SUPER_MAGIC), Warn},
		{"Windows share", judgeKind(d, unix.SMB2_SUPER_MAGIC), Warn},
		{"room", judgeStorage(room{free: 400}, 100), OK},
		{"none for snapshots", judgeStorage(room{free: 399}, 100), Warn},
		{"none for writes", judgeStorage(room{free: 199}, 100), Fail},
		{"none for deletes", judgeStorage(room{free: 99}, 100), Fail},
		{"a copy fits", judgeSnapshots(room{free: 100}, 100, true, false), OK},
		{"a copy does not fit", judgeSnapshots(room{free: 99}, 100, true, false), Warn},
		{"a copy goes to a bucket", judgeSnapshots(room{free: 99}, 100, true, true), OK},
		{"who knows", judgeSnapshots(room{free: 99}, 100, false, false), OK},
		{"files", judgeFiles(65536), OK},
		{"few files", judgeFiles(16383), Warn},
		{"no files", judgeFiles(1023), Fail},
		{"memory unknown", judgeMemory(0), Skip},
		{"memory small", judgeMemory(2<<30 - 1), Warn},
		{"memory too small", judgeMemory(768<<20 - 1), Fail},
		{"bucket near", judgeBucket(time.Second), OK},
		{"bucket far", judgeBucket(10 * time.Second), Warn},
		{"clock", judgeSynchronised(true, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)), OK},
		{"clock drifts", judgeSynchronised(false, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)), Warn},
		{"clock is not set", judgeSynchronised(false, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)), Fail},
	} {
		require.Equal(t, tt.want, tt.got.Status, "%s: %+v", tt.name, tt.got)
		bad := tt.want == Warn || tt.want == Fail
		require.Equal(t, bad, tt.got.Advice != "", "%s: %+v", tt.name, tt.got)
	}
	require.Empty(t, judgeInodes(d, room{}))
	require.Empty(t, judgeInodes(d, room{countsInodes: true, inodes: 10_000}))
	require.Equal(t, Warn, judgeInodes(d, room{countsInodes: true, inodes: 9_999})[0].Status)
}

func TestMappingsAreRead(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "proc/sys/vm")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for content, want := range map[string]Status{"65530\n": OK, "65529\n": Warn, "many": Skip} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "max_map_count"), []byte(content), 0o600))
		require.Equal(t, want, checkMappings(root).Status, content)
	}
}

func TestConfiguration(t *testing.T) {
	key, other, bucket := config.Secret("k"), config.Secret("o"), "b"
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		public bool
		want   string // part of what is found; "" if all is well
	}{
		{name: "default"},
		{name: "open to all", public: true, want: "no API key"},
		{name: "public with a key", public: true, change: func(c *config.Config) { c.Service.APIKey = &key }},
		{name: "nobody may write", change: func(c *config.Config) { c.Service.ReadOnlyAPIKey = &key }, want: "only service.read_only"},
		{name: "two keys", change: func(c *config.Config) { c.Service.APIKey, c.Service.ReadOnlyAPIKey = &key, &other }},
		{name: "one key for both", change: func(c *config.Config) { c.Service.AltAPIKey, c.Service.ReadOnlyAPIKey = &key, &key }, want: "may write"},
		{name: "unused bucket", change: func(c *config.Config) { c.Storage.SnapshotsConfig.S3Config.Bucket = &bucket }, want: "a bucket is configured"},
		{name: "used bucket", change: func(c *config.Config) {
			c.Storage.SnapshotsConfig.S3Config.Bucket, c.Storage.SnapshotsConfig.SnapshotsStorage = &bucket, "S3"
		}},
		{name: "profiles", change: func(c *config.Config) { c.Tidemark.PprofPort = 6060 }, want: "127.0.0.1:6060"},
	} {
		loaded := &config.Loaded{Config: config.Default()}
		if tt.change != nil {
			tt.change(&loaded.Config)
		}
		all := Configuration(loaded, nil, tt.public)
		require.Len(t, all, 1, tt.name)
		if tt.want == "" {
			require.Equal(t, OK, all[0].Status, "%s: %+v", tt.name, all)
			continue
		}
		require.Equal(t, Warn, all[0].Status, tt.name)
		require.Contains(t, all[0].Found, tt.want, tt.name)
	}
}

func TestConfigurationThatIsInvalid(t *testing.T) {
	loaded := &config.Loaded{Config: config.Default(), Unknown: []config.Problem{{Key: "a", Text: "is not known"}}}
	all := Configuration(loaded, &config.InvalidError{Problems: []config.Problem{{Key: "x"}, {Key: "y"}}}, false)
	require.Len(t, all, 3)
	require.Equal(t, 2, Count(all, Fail))
	require.Equal(t, 1, Count(all, Warn))
	require.Equal(t, Fail, Configuration(loaded, errors.New("broken"), false)[0].Status)
}
