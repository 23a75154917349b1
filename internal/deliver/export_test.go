package deliver

// LookForIdle sets how many addresses at a time are looked at for having nothing to
// do.
func (d *Deliverer) LookForIdle(piece int) { d.piece = piece }
