package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-db/tidemark/snapshot"
)

// phaseBuckets suit work on all the bytes of an archive.
var phaseBuckets = []float64{.001, .01, .1, .5, 1, 5, 15, 60, 300, 1800}

// instantBuckets suit what happens between two writes.
var instantBuckets = []float64{10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1}

// newKinds makes the kinds of operations that are exposed.
func newKinds() map[snapshot.Operation]*kind {
	create := newKind("tidemark_snapshot", "Snapshots of collections", "snapshot", []string{"collection"},
		snapshot.PhaseWait, snapshot.PhaseReuse, snapshot.PhaseEncode, snapshot.PhaseStore)
	create.descs = create.descs.withSize("tidemark_snapshot", "snapshot", "collection").
		withBytes("tidemark_snapshot", "collection").withPosition("tidemark_snapshot", "snapshot", "collection")
	create.observe(snapshot.PhaseFreeze, "tidemark_snapshot_freeze_duration_seconds",
		"Time from asking for the state of a collection until it is held. No write waits for it.")

	full := newKind("tidemark_full_snapshot", "Snapshots of the whole storage", "snapshot of the whole storage", nil,
		snapshot.PhaseWait, snapshot.PhaseEncode, snapshot.PhaseStore)
	full.descs = full.descs.withSize("tidemark_full_snapshot", "snapshot of the whole storage")
	full.observe(snapshot.PhaseCut, "tidemark_full_snapshot_cut_duration_seconds",
		"Time from asking for the states of all collections at one instant until they are held.")

	restore := newKind("tidemark_restore", "Restores of collections", "restore", nil,
		snapshot.PhaseWait, snapshot.PhaseUnpack, snapshot.PhaseVerify, snapshot.PhaseInstall)
	restore.descs = restore.descs.withSize("tidemark_restore", "restore")
	restoreFull := newKind("tidemark_full_restore", "Restores of the whole storage", "restore of the whole storage", nil,
		snapshot.PhaseWait, snapshot.PhaseUnpack, snapshot.PhaseVerify, snapshot.PhaseInstall)
	restoreFull.descs = restoreFull.descs.withSize("tidemark_full_restore", "restore of the whole storage")

	return map[snapshot.Operation]*kind{
		snapshot.OpCreate:      create,
		snapshot.OpCreateFull:  full,
		snapshot.OpRestore:     restore,
		snapshot.OpRestoreFull: restoreFull,
		snapshot.OpUndo:        newKind("tidemark_undo", "Undone restores", "undo", nil, snapshot.PhaseWait, snapshot.PhaseInstall),
		snapshot.OpVerify: newKind("tidemark_snapshot_verify", "Verifications of stored snapshots", "verification", []string{"collection"},
			snapshot.PhaseWait, snapshot.PhaseRead, snapshot.PhaseVerify),
		opVerifyFull: newKind("tidemark_full_snapshot_verify", "Verifications of stored snapshots of the whole storage", "verification", nil,
			snapshot.PhaseWait, snapshot.PhaseRead, snapshot.PhaseVerify),
	}
}

// newKind makes a kind whose names begin with prefix; many and one are its words.
// The histograms of its phases exist from the beginning.
func newKind(prefix, many, one string, labels []string, phases ...snapshot.Phase) *kind {
	k := &kind{
		byCollection: len(labels) > 0,
		descs:        newOutcomeDescs(prefix, many, one, labels...),
		duration:     histogram(prefix+"_duration_seconds", many+": duration of those that succeeded, waiting included.", phaseBuckets),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "_phase_duration_seconds", Help: many + ": duration of each phase.", Buckets: phaseBuckets,
		}, []string{"phase"}),
	}
	for _, p := range phases {
		k.phases.WithLabelValues(string(p))
	}
	return k
}

// observe gives a short phase a histogram of its own.
func (k *kind) observe(p snapshot.Phase, name, help string) {
	k.instant, k.instants = p, histogram(name, help, instantBuckets)
}

// histograms are those of the kind.
func (k *kind) histograms() []prometheus.Collector {
	all := []prometheus.Collector{k.duration, k.phases}
	if k.instants != nil {
		all = append(all, k.instants)
	}
	return all
}
