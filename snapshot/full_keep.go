package snapshot

import "context"

// storeFull is store for an archive of a whole storage.
func (k *keeping) storeFull(ctx context.Context, r *fullRestoration) (undo func(), err error) {
	defer r.phase(PhaseStore)()
	parts := make([]fullPart, len(r.arrivals))
	for i, a := range r.arrivals {
		d, err := documentOfState(r.fsys, a.Incoming.Dir())
		if err != nil {
			return nil, err
		}
		parts[i] = fullPart{r.archives[i], r.unpacked(d, a.Incoming.Dir())}
	}
	src, err := r.fullSource(r.watch, r.storage, parts)
	if err != nil {
		return nil, err
	}
	if err := r.store.CheckRoom(ctx, src.Size); err != nil {
		return nil, storeError(err)
	}
	now := r.intake.options.Now()
	return k.put(ctx, &r.intake, "", func(n int) string { return fullName(now, n) }, src)
}
