package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// project loads the compose file as `docker compose` would, with the given
// profiles and variables.
func project(t *testing.T, environ []string, profiles ...string) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions(
		[]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithEnv(environ),
		cli.WithProfiles(profiles),
		cli.WithResolvedPaths(true),
	)
	require.NoError(t, err)
	p, err := o.LoadProject(t.Context())
	require.NoError(t, err)
	return p
}

func TestComposeProfiles(t *testing.T) {
	tests := []struct {
		profiles, want []string
	}{
		{nil, []string{"tidemark"}},
		{[]string{"monitoring"}, []string{"grafana", "prometheus", "tidemark"}},
		{[]string{"s3"}, []string{"s3", "tidemark"}},
		{[]string{"monitoring", "s3"}, []string{"grafana", "prometheus", "s3", "tidemark"}},
	}
	for _, tt := range tests {
		p := project(t, nil, tt.profiles...)
		require.Equal(t, tt.want, slices.Sorted(maps.Keys(p.Services)), "%v", tt.profiles)
	}
}

func TestComposeIsClosedByDefault(t *testing.T) {
	for name, s := range project(t, nil, "monitoring", "s3").Services {
		require.False(t, s.Privileged, name)
		require.NotEmpty(t, s.Ports, name)
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s publishes port %s beyond this machine", name, port.Published)
		}
	}
}

func TestComposeImagesArePinned(t *testing.T) {
	for name, s := range project(t, nil, "monitoring", "s3").Services {
		_, tag, ok := strings.Cut(s.Image, ":")
		require.True(t, ok && tag != "latest", "%s: image %s has no version", name, s.Image)
	}
}

func TestComposeTidemark(t *testing.T) {
	s := project(t, nil).Services["tidemark"]
	require.Equal(t, "0.0.0.0", *s.Environment["QDRANT__SERVICE__HOST"])
	require.True(t, s.ReadOnly)
	require.Equal(t, []string{"ALL"}, s.CapDrop)
	require.Len(t, s.Volumes, 1)
	require.Equal(t, types.VolumeTypeVolume, s.Volumes[0].Type)
	for _, key := range []string{"QDRANT__STORAGE__STORAGE_PATH", "QDRANT__STORAGE__SNAPSHOTS_PATH"} {
		require.True(t, strings.HasPrefix(*s.Environment[key], s.Volumes[0].Target+"/"),
			"%s is not on the volume: lost with the container", key)
	}
	require.NotNil(t, s.StopGracePeriod)
	require.GreaterOrEqual(t, int64(*s.StopGracePeriod), int64(35e9), "a stop may take 30 s")
}

// TestComposeHandsAKeyThrough: a key is set if and only if the caller set one;
// an empty one would keep the server from starting.
func TestComposeHandsAKeyThrough(t *testing.T) {
	const key = "TIDEMARK__SERVICE__API_KEY"
	s := project(t, nil).Services["tidemark"]
	if v := s.Environment[key]; v != nil {
		t.Fatalf("the key is %q without anybody having set it", *v)
	}
	s = project(t, []string{key + "=k"}).Services["tidemark"]
	require.Equal(t, "k", *s.Environment[key])
}

// TestComposeS3 holds the S3 server to what the guide has the server configured
// with: its keys and its endpoint, on this machine and between containers.
func TestComposeS3(t *testing.T) {
	p := project(t, nil, "s3")
	gateway := p.Services["s3"]
	guide, err := os.ReadFile(filepath.Join(root, "docs/guide/s3.md"))
	require.NoError(t, err)
	require.Len(t, gateway.Ports, 1)
	port := gateway.Ports[0].Published
	for _, setting := range []string{
		"S3_CONFIG__ACCESS_KEY=" + *gateway.Environment["ROOT_ACCESS_KEY"],
		"S3_CONFIG__SECRET_KEY=" + *gateway.Environment["ROOT_SECRET_KEY"],
		"S3_CONFIG__ENDPOINT_URL=http://127.0.0.1:" + port,
	} {
		require.Contains(t, string(guide), setting)
	}
	require.EqualValues(t, 7070, gateway.Ports[0].Target, "where versitygw listens unless told otherwise")
	// A directory below its data is a bucket: the volume is, so that it exists.
	require.Len(t, gateway.Volumes, 1)
	require.Equal(t, types.VolumeTypeVolume, gateway.Volumes[0].Type)
	data := gateway.Command[len(gateway.Command)-1]
	bucket := strings.TrimPrefix(gateway.Volumes[0].Target, data+"/")
	require.Contains(t, string(guide), "S3_CONFIG__BUCKET="+bucket+" ")

	// The keys reach both if they are set once.
	keys := []string{"S3_ACCESS_KEY=a", "S3_SECRET_KEY=s", "S3_SNAPSHOTS=s3"}
	p = project(t, keys, "s3")
	tidemark := p.Services["tidemark"]
	gateway = p.Services["s3"]
	const section = "QDRANT__STORAGE__SNAPSHOTS_CONFIG__"
	require.Equal(t, "s3", *tidemark.Environment[section+"SNAPSHOTS_STORAGE"])
	require.Equal(t, "local", *project(t, nil).Services["tidemark"].Environment[section+"SNAPSHOTS_STORAGE"])
	require.Equal(t, bucket, *tidemark.Environment[section+"S3_CONFIG__BUCKET"])
	require.Equal(t, "http://s3:7070", *tidemark.Environment[section+"S3_CONFIG__ENDPOINT_URL"])
	require.Equal(t, *gateway.Environment["ROOT_ACCESS_KEY"], *tidemark.Environment[section+"S3_CONFIG__ACCESS_KEY"])
	require.Equal(t, *gateway.Environment["ROOT_SECRET_KEY"], *tidemark.Environment[section+"S3_CONFIG__SECRET_KEY"])
}

// TestComposeFilesExist: a bind mount of a file that is not there becomes an
// empty folder.
func TestComposeFilesExist(t *testing.T) {
	for name, s := range project(t, nil, "monitoring", "s3").Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			info, err := os.Stat(v.Source)
			require.NoError(t, err, name)
			require.True(t, info.Mode().IsRegular(), "%s: %s", name, v.Source)
			require.True(t, v.ReadOnly, "%s: %s", name, v.Source)
		}
	}
}
