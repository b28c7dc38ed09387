// Package metrics exposes what a server does to Prometheus.
//
// The other packages know nothing of Prometheus: each declares a small observer
// interface, and the types here implement them. REST observes requests, Log one
// write-ahead log, Engine checkpoints, merges and recoveries, and Snapshots the
// jobs of the snapshot manager. What can be asked for at any time, such as the
// number of points or the memory of heads, is not pushed but read from a Source
// when somebody scrapes.
//
// Series that carry the name of a collection exist as long as the collection
// does: they are made for each scrape from the list of collections, so that
// nothing has to be unregistered when one is dropped or replaced.
//
// Names come in two families. Those of Qdrant are kept, with their labels and
// help texts, for the dashboards that know them; ours begin with "tidemark_".
// The guide docs/guide/metrics.md describes all of them.
package metrics
