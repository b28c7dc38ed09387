package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidemark-db/tidemark/config"
)

// Configuration judges what was read, and the error of reading it. public says that
// others than this machine reach the server.
func Configuration(loaded *config.Loaded, err error, public bool) []Finding {
	const check = "configuration"
	var all []Finding
	stops := func(found string) {
		all = append(all, Finding{
			Check: check, Status: Fail, Found: found, Meaning: "the server does not start",
			Advice: "correct it; 'tidemark config show' tells where each value comes from",
		})
	}
	var invalid *config.InvalidError
	switch {
	case errors.As(err, &invalid):
		for _, p := range invalid.Problems {
			stops(p.String())
		}
	case err != nil:
		stops(err.Error())
	}
	for _, p := range loaded.Unknown {
		all = append(all, Finding{
			Check: check, Status: Warn, Found: p.String(),
			Meaning: "the key has no effect: what its author meant does not happen", Advice: "correct or remove the key",
		})
	}
	all = append(all, contradictions(loaded.Config, public)...)
	if len(all) == 0 {
		all = append(all, Finding{Check: check, Status: OK, Found: "valid"})
	}
	return all
}

// contradictions finds what is valid and hardly meant.
func contradictions(c config.Config, public bool) []Finding {
	s, snapshots := c.Service, c.Storage.SnapshotsConfig
	mayWrite := s.APIKey != nil || s.AltAPIKey != nil
	inBucket := strings.EqualFold(snapshots.SnapshotsStorage, config.SnapshotsS3)
	var all []Finding
	for _, r := range []struct {
		found string
		rule
	}{
		{
			"service.host is " + s.Host + " and no API key is set",
			rule{public && !mayWrite && s.ReadOnlyAPIKey == nil, Warn, "whoever reaches the address may read and delete everything", "set service.api_key, or listen on 127.0.0.1"},
		},
		{
			"only service.read_only_api_key is set",
			rule{!mayWrite && s.ReadOnlyAPIKey != nil, Warn, "nobody may write", "set service.api_key as well"},
		},
		{
			"service.read_only_api_key is one that may write",
			rule{same(s.ReadOnlyAPIKey, s.APIKey) || same(s.ReadOnlyAPIKey, s.AltAPIKey), Warn, "who shall only read may do everything", "choose another key"},
		},
		{
			"a bucket is configured and storage.snapshots_config.snapshots_storage is " + snapshots.SnapshotsStorage,
			rule{!inBucket && snapshots.S3Config.Bucket != nil, Warn, "snapshots are not kept in the bucket", "set it to s3, or remove s3_config"},
		},
		{
			fmt.Sprintf("profiles are served on 127.0.0.1:%d", c.Tidemark.PprofPort),
			rule{c.Tidemark.PprofPort != 0, Warn, "whoever may log in to this machine can look into the memory of the server", "set tidemark.pprof_port to 0 when you are done"},
		},
	} {
		if r.bad {
			all = append(all, Finding{Check: "configuration", Found: r.found}.judge(r.rule))
		}
	}
	return all
}

func same(a, b *config.Secret) bool { return a != nil && b != nil && *a == *b }
