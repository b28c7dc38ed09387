// Package machine measures what the machine itself can do: how fast it syncs,
// writes, hashes and reads, and how much memory a process takes. Figures of the
// engine mean little without those of the machine beside them, and an operator
// wants to know whether a slow disk is the reason.
package machine
