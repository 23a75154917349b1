package mapper

import "log/slog"

// The LogValue methods keep member data out of logs: they print keys of rows
// and counts. slog does not look into slices and maps, so log single values.

// LogValue prints the rep's id only.
func (r Rep) LogValue() slog.Value {
	return slog.GroupValue(slog.String("rep", string(r.ID)))
}

// LogValue prints the rep's id, if there is still a rep.
func (f Former) LogValue() slog.Value {
	if f.Rep == nil {
		return slog.GroupValue()
	}
	return f.Rep.LogValue()
}

// LogValue prints the holders' ids and counts, never the address.
func (p Person) LogValue() slog.Value {
	ids := make([]RepID, len(p.Holders))
	for i, rep := range p.Holders {
		ids[i] = rep.ID
	}
	return slog.GroupValue(slog.Any("holders", ids), slog.Int("former", len(p.Former)), slog.Int("pairs", len(p.Pairs)))
}

// LogValue prints whose fields they are, never a value.
func (f Fields) LogValue() slog.Value {
	return slog.GroupValue(slog.String("rep", string(f.Rep)))
}

// LogValue prints everything but the address.
func (o Op) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(o.Kind)), slog.String("list", string(o.List)),
		slog.String("reason", string(o.Reason)), slog.String("rep", string(o.Rep)))
}

// LogValue prints everything but the address.
func (d Decision) LogValue() slog.Value {
	return slog.GroupValue(slog.String("list", string(d.List)), slog.String("verdict", string(d.Verdict)),
		slog.String("reason", string(d.Reason)), slog.String("rep", string(d.Rep)))
}

// LogValue prints the change, never the address.
func (m OptOutMemory) LogValue() slog.Value {
	return slog.GroupValue(slog.Bool("opt_out", m.OptOut))
}

// LogValue prints counts.
func (in Input) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("groups", len(in.Groups)), slog.Int("known", len(in.Known)), slog.Int("people", len(in.People)))
}

// LogValue prints counts.
func (o Output) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("lists", len(o.Lists)), slog.Int("decisions", len(o.Decisions)), slog.Int("ops", len(o.Ops)))
}

// LogValue prints everything but the address.
func (q PairOp) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(q.Kind)), slog.String("list", string(q.List)))
}

// LogValue prints everything but the address.
func (q Question) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(q.Hold.Kind)), slog.String("list", string(q.List)),
		slog.String("reason", string(q.Reason)), slog.String("rep", string(q.Rep)))
}

// LogValue prints the operation and why it is held.
func (h Held) LogValue() slog.Value {
	return slog.GroupValue(slog.String("held", string(h.Kind)), slog.Any("op", h.Op.LogValue()))
}
