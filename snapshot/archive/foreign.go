package archive

import "regexp"

// foreignName matches the entries with which archives of Qdrant begin: those of
// a collection (a folder for each shard, version.info, config.json), of a shard,
// and of a whole storage (snapshots of collections, config.json).
var foreignName = regexp.MustCompile(`^(\./)?(` +
	`\d+/.*|segments/.*|wal/.*|config\.json|version\.info|payload_index\.json|shard_config\.json|shard_key_mapping\.json|` +
	`replica_state\.json|(newest|oldest)_clocks\.json|applied_seq\.json|segments_manifest\.json|[^/]+\.snapshot)$`)

// isForeign reports whether the first entry of a tar file shows that Qdrant
// wrote it. Our own archives never begin so.
func (b *block) isForeign() bool { return b.isHeader() && foreignName.MatchString(b.text(fieldName)) }
