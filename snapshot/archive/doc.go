// Package archive reads and writes snapshot archives.
//
// An archive is a tar file in one canonical form: fixed order, fixed headers,
// no times, owners or random ids. The first entry, manifest.json, names every
// other entry with its size and sha256, so a reader knows each byte of framing
// that must follow and accepts no other. The last entry, manifest.sha256, holds
// the checksum of the manifest and marks the end. Any archive that Reader
// accepts is byte for byte what Write produces for its content: one changed
// bit, padding included, is an error that names the entry and the offset.
//
// See docs/format/snapshot.md.
package archive
