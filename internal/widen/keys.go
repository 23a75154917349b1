package widen

import (
	"context"
	"iter"
	"maps"
	"slices"

	"rollcall/cdc"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// keys are touched keys by what they name.
type keys struct {
	all                                 bool
	reps, members, groups, associations []string
	addresses                           [][2]string
}

func (k *keys) add(kind cdc.Kind, id string) {
	switch kind {
	case cdc.KindRep:
		k.reps = append(k.reps, id)
	case cdc.KindMember:
		k.members = append(k.members, id)
	case cdc.KindGroup:
		k.groups = append(k.groups, id)
	case cdc.KindAssociation:
		k.associations = append(k.associations, id)
	}
}

// pieceReps is how many keys of reps a piece has. A member counts for a few of them, a
// group for many, and an association is a piece by itself.
const (
	pieceReps  = 1000
	memberReps = 4
	groupReps  = 50
)

// pieces divides keys into parts, at least one, that are marked one after the other.
// A key is in one of them, with all that it leads to. Everything is one piece.
func (k *keys) pieces() iter.Seq[*keys] {
	return func(yield func(*keys) bool) {
		few := len(k.reps)+memberReps*len(k.members)+groupReps*len(k.groups)+pieceReps*len(k.associations)+len(k.addresses) <= pieceReps
		if k.all || few {
			yield(k)
			return
		}
		for _, ids := range []struct {
			of   []string
			size int
			as   func([]string) *keys
		}{
			{k.reps, pieceReps, func(ids []string) *keys { return &keys{reps: ids} }},
			{k.members, pieceReps / memberReps, func(ids []string) *keys { return &keys{members: ids} }},
			{k.groups, pieceReps / groupReps, func(ids []string) *keys { return &keys{groups: ids} }},
			{k.associations, 1, func(ids []string) *keys { return &keys{associations: ids} }},
		} {
			for piece := range slices.Chunk(union(ids.of, nil), ids.size) {
				if !yield(ids.as(piece)) {
					return
				}
			}
		}
		for piece := range slices.Chunk(k.addresses, pieceReps) {
			if !yield(&keys{addresses: piece}) {
				return
			}
		}
	}
}

// marking is mark for some keys.
func (p *pass) marking(ctx context.Context, k *keys) func(*store.Marks) error {
	return func(m *store.Marks) error { return p.mark(ctx, k, m) }
}

// mark marks what keys lead to.
func (p *pass) mark(ctx context.Context, k *keys, m *store.Marks) error {
	rep := func(r source.RepRef) error {
		address, problem := mapper.Normalize(r.Email)
		if r.Rep == "" && problem != "" {
			return nil // a row that names nobody
		}
		return m.Rep(r.Association, r.Rep, address, problem, r.OptedOut)
	}
	// What a member or a group leads to beside the reps that are touched themselves.
	other := func(r source.RepRef) error {
		if p.reps[string(r.Rep)] {
			return nil
		}
		return rep(r)
	}
	if k.all {
		k.associations = union(p.associations, slices.Sorted(maps.Keys(p.failed)))
		k.reps, k.members, k.groups = nil, nil, nil
		if err := m.Known(""); err != nil {
			return err
		}
	}
	for _, association := range k.associations {
		if err := p.markAssociation(ctx, m, association, rep); err != nil {
			return err
		}
	}
	for _, id := range k.reps {
		if err := m.Gone(mapper.RepID(id)); err != nil {
			return err
		}
	}
	err := p.each(ctx, m, cdc.KindRep, k.reps, func(ctx context.Context, ids []string) error { return p.snap.RefsByRep(ctx, ids, rep) })
	if err != nil {
		return err
	}
	err = p.each(ctx, m, cdc.KindMember, k.members, func(ctx context.Context, ids []string) error { return p.snap.RefsByMember(ctx, ids, other) })
	if err != nil {
		return err
	}
	err = p.each(ctx, m, cdc.KindGroup, k.groups, func(ctx context.Context, ids []string) error { return p.markGroups(ctx, m, ids, other) })
	if err != nil {
		return err
	}
	for _, a := range k.addresses {
		if address, problem := mapper.Normalize(a[1]); problem == "" {
			if err := m.Address(a[0], address); err != nil {
				return err
			}
		}
	}
	return nil
}

// markAssociation marks every row of an association. One that could not be
// counted is read again with the others that failed.
func (p *pass) markAssociation(ctx context.Context, m *store.Marks, association string, rep func(source.RepRef) error) error {
	if p.failed[association] {
		return m.Touch(cdc.KindAssociation, association)
	}
	if err := p.snap.RefsByAssociation(ctx, association, rep); err != nil {
		return p.isolate(ctx, m, err, association)
	}
	if err := m.Known(association); err != nil {
		return err
	}
	if err := m.Lists(association); err != nil {
		return err
	}
	p.read = append(p.read, association)
	return nil
}

func (p *pass) markGroups(ctx context.Context, m *store.Marks, ids []string, rep func(source.RepRef) error) error {
	if err := p.snap.RefsByGroup(ctx, ids, rep); err != nil {
		return err
	}
	associations, err := p.snap.GroupAssociations(ctx, ids)
	if err != nil {
		return err
	}
	for _, association := range associations {
		if err := m.Lists(association); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := m.List(mapper.GroupKey(mapper.GroupID(id))); err != nil {
			return err
		}
	}
	return nil
}
