package deliver

import (
	"context"

	"rollcall/mapper"
)

// Plan is a stand-in until branch rules brings it.
func (d *Deliverer) Plan(ctx context.Context, addresses []mapper.Address, exact []mapper.ListKey) (mapper.Input, mapper.Output, error) {
	ex := map[mapper.Address][]string{}
	for _, a := range addresses {
		for _, k := range exact {
			ex[a] = append(ex[a], string(k))
		}
	}
	w, err := d.read(ctx, addresses, ex, true)
	if err != nil {
		return mapper.Input{}, mapper.Output{}, err
	}
	return w.input, mapper.Plan(w.input), nil
}

// Explain is a stand-in until branch rules brings it.
func (d *Deliverer) Explain(ctx context.Context, address mapper.Address) (mapper.Input, mapper.Output, error) {
	w, err := d.read(ctx, []mapper.Address{address}, nil, true)
	if err != nil {
		return mapper.Input{}, mapper.Output{}, err
	}
	w.input.Explain = true
	return w.input, mapper.Plan(w.input), nil
}
