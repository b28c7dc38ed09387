// Package client speaks to a running server over its REST interface: what the
// command line needs to take, fetch, restore and verify snapshots. It knows
// nothing of the engine, only the interface.
package client
