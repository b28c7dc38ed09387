package rest

// snapshotRoutes are about snapshots of one collection: see snapshots.go and
// snapshot_upload.go.
var snapshotRoutes = []*route{
	needsSnapshots(manages("POST "+pathSnapshots+"/upload", (*Server).uploadSnapshot)),
	needsSnapshots(manages("PUT "+pathSnapshots+"/recover", (*Server).recoverSnapshot)),
	needsSnapshots(reads("GET "+pathSnapshots, (*Server).listSnapshots)),
	needsSnapshots(manages("POST "+pathSnapshots, (*Server).createSnapshot)),
	needsSnapshots(manages("DELETE "+pathSnapshots+"/{snapshot_name}", (*Server).deleteSnapshot)),
	needsSnapshots(reads("GET "+pathSnapshots+"/{snapshot_name}", (*Server).getSnapshot)),
}

// snapshotVerifyRoutes are ours: see snapshot_verify.go.
var snapshotVerifyRoutes = []*route{
	needsSnapshots(manages("POST "+pathSnapshots+"/{snapshot_name}/verify", (*Server).verifySnapshot)),
}

// snapshotUndoRoutes are ours: see snapshot_undo.go.
var snapshotUndoRoutes = []*route{
	needsSnapshots(manages("POST "+pathSnapshots+"/undo", (*Server).undoRestore)),
}

// snapshotJobRoutes are ours: see snapshot_jobs.go.
var snapshotJobRoutes = []*route{
	needsSnapshots(reads("GET /snapshots/jobs", (*Server).listSnapshotJobs)),
	needsSnapshots(reads("GET /snapshots/jobs/{job_id}", (*Server).getSnapshotJob)),
	needsSnapshots(manages("DELETE /snapshots/jobs/{job_id}", (*Server).cancelSnapshotJob)),
}

// storageSnapshotRoutes are about snapshots of everything: see snapshots_full.go.
// No snapshot is called jobs, for their names end in ".snapshot".
var storageSnapshotRoutes = []*route{
	needsSnapshots(reads("GET /snapshots", (*Server).listFullSnapshots)),
	needsSnapshots(manages("POST /snapshots", (*Server).createFullSnapshot)),
	needsSnapshots(manages("DELETE /snapshots/{snapshot_name}", (*Server).deleteFullSnapshot)),
	needsSnapshots(reads("GET /snapshots/{snapshot_name}", (*Server).getFullSnapshot)),
}

// fullSnapshotRoutes are ours.
var fullSnapshotRoutes = []*route{
	needsSnapshots(manages("PUT /snapshots/recover", (*Server).recoverFullSnapshot)),
	needsSnapshots(manages("POST /snapshots/upload", (*Server).uploadFullSnapshot)),
	needsSnapshots(manages("POST /snapshots/{snapshot_name}/verify", (*Server).verifyFullSnapshot)),
}
