package deliver

import (
	"context"

	"rollcall/mapper"
	"rollcall/sink"
)

// Catalogue reads what an association chose and which lists it has: a planning
// problem without people. Membership types are those that have a list.
func (d *Deliverer) Catalogue(ctx context.Context) (mapper.Input, []sink.BoundList, error) {
	in := mapper.Input{Policy: d.Policy, Connected: true}
	bound, err := d.Store.Lists(ctx)
	if err != nil {
		return in, nil, err
	}
	in.Known = mapperLists(bound)
	snap, err := d.Source.Snapshot(ctx)
	if err != nil {
		return in, nil, err
	}
	defer snap.Close(ctx)
	if in.Options, err = snap.Options(ctx, d.ID); err != nil {
		return in, nil, err
	}
	if in.Groups, err = snap.Groups(ctx, d.ID); err != nil {
		return in, nil, err
	}
	for _, l := range bound {
		if l.Kind == mapper.ListType {
			in.Types = append(in.Types, mapper.MembershipType{ID: l.TypeID, Name: l.Ref})
		}
	}
	return in, bound, nil
}
