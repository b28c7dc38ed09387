// Package s3 keeps snapshots as objects in a bucket of Amazon S3 or of a server
// that speaks its protocol:
//
//	<prefix>/<folder>/<name>.snapshot             the object; metadata: sha256, upload
//	<prefix>/<folder>/<name>.snapshot.checksum    its sha256, 64 hex digits
//	<prefix>/<folder>/<name>.snapshot.note        its note, if it has one
//	<prefix>/<name>.snapshot                      objects of the empty folder
//	<prefix>/.tidemark/probe-….snapshot           put, read and deleted by Open
//
// Nothing is staged on a disk. A source is written twice: the first time into a
// hash, because the metadata of an object is sent before its bytes; the second
// time into a multipart upload, part by part. The upload is completed only if the
// second pass gave the bytes of the first, after the checksum object has been put,
// and under the condition that no object has the key. Completion is the commit.
//
// An upload that was not completed is aborted, also if the context has ended. If
// the answer to the completion was lost, the abort is a fence: after it, HEAD tells
// whether the object is there, and the token in its metadata whether it is ours.
package s3
