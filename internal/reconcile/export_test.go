package reconcile

// SiftPieces sets how many addresses at a time a run looks at for work.
func (r *Reconciler) SiftPieces(size int) { r.piece = size }
