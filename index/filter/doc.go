// Package filter holds the filter language: its conditions as plain data, their
// compilation for a payload schema, and their evaluation on the stored bytes of
// payloads.
//
// A transport decodes a request into a Filter; its parts that have a syntax of
// their own are made by payload.ParsePath, ParseTime, NewGeoPoint and
// NewGeoPolygon, which refuse what the reference refuses, in its words. Compile
// prepares a Filter once; Compiled.Match judges points, without decoding or
// allocating, from any number of goroutines at the same time.
//
// docs/guide/filters.md explains the language to users.
package filter
