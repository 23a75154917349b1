package oracle

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

func setGroupRow(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil || len(o.groups) == 0 {
		return ""
	}
	o.setRow(db, r, pick(t, "group", o.groups), chance(t, "disabled"))
	return r.String()
}

func dropGroupRow(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil || len(o.groups) == 0 {
		return ""
	}
	o.dropRow(db, r, pick(t, "group", o.groups))
	return r.String()
}

func flipTick(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	g.sync = !g.sync
	db.exec(`update chamber.rep_group set sync = $2 where group_id = $1`, g.id, g.sync)
	return fmt.Sprintf("group %d: %v", g.nth, g.sync)
}

func flipOption(t *rapid.T, o *office, db *rows) string {
	which := rapid.IntRange(0, 4).Draw(t, "which")
	if o.options == nil {
		which = 4
	}
	switch which {
	case 0:
		o.options.allActive = !o.options.allActive
	case 1:
		o.options.typeLists = !o.options.typeLists
	case 2:
		o.options.groupLists = !o.options.groupLists
	case 3:
		if o.options.newsletter == constantContact {
			o.options.newsletter = "Another"
		} else {
			o.options.newsletter = constantContact
		}
	case 4:
		if o.options != nil {
			o.options = nil
			db.exec(`delete from chamber.sync_options where association_id = $1`, o.association)
			return fmt.Sprintf("%+v", o.options)
		}
		o.options = &options{newsletter: constantContact, allActive: true, typeLists: true, groupLists: true}
	}
	db.exec(`insert into chamber.sync_options (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups)
		values ($1, $2, $3, $4, $5) on conflict (association_id) do update set newsletter_solution = excluded.newsletter_solution,
		sync_all_active = excluded.sync_all_active, sync_membership_types = excluded.sync_membership_types, sync_groups = excluded.sync_groups`,
		o.association, o.options.newsletter, o.options.allActive, o.options.typeLists, o.options.groupLists)
	return fmt.Sprintf("%+v", o.options)
}

func addGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) >= mostGroups {
		return ""
	}
	name := fmt.Sprint("Committee ", o.serial)
	if len(o.goneNames) > 0 && chance(t, "again") {
		name, o.goneNames = o.goneNames[0], o.goneNames[1:]
	}
	return o.addGroup(db, name).name
}

func deleteGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	o.deleteGroup(db, g)
	o.goneNames = append(o.goneNames, g.name)
	return fmt.Sprintf("group %d", g.nth)
}

func (o *office) newName() string {
	o.serial++
	return fmt.Sprint("Circle ", o.serial)
}

func renameGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	g.name = o.newName()
	db.exec(`update chamber.rep_group set name = $2 where group_id = $1`, g.id, g.name)
	o.renamed(mirror{what: "group", nth: g.nth})
	return fmt.Sprintf("group %d: %s", g.nth, g.name)
}

func renameType(t *rapid.T, o *office, db *rows) string {
	k := pick(t, "type", o.types)
	k.name = o.newName()
	db.exec(`update chamber.membership_type set name = $2 where membership_type_id = $1`, k.id, k.name)
	o.renamed(mirror{what: "type", nth: k.nth})
	return fmt.Sprintf("type %d: %s", k.nth, k.name)
}

func addOptOut(t *rapid.T, o *office, db *rows) string {
	out := &optOut{email: email(t)}
	if address(out.email) == "" {
		return ""
	}
	var id *int64
	if chance(t, "of a group") && len(o.groups) > 0 {
		g := pick(t, "group", o.groups)
		out.group, id = g.nth, &g.id
	}
	out.id = db.insert(`insert into chamber.opt_out (association_id, email, group_id, opted_out_at) values ($1, $2, $3, '2031-01-01') returning opt_out_id`,
		o.association, out.email, id)
	o.optOuts = append(o.optOuts, out)
	return fmt.Sprintf("%+v", *out)
}

func withdrawOptOut(t *rapid.T, o *office, db *rows) string {
	open := slices.DeleteFunc(slices.Clone(o.optOuts), func(out *optOut) bool { return out.withdrawn })
	if len(open) == 0 {
		return ""
	}
	out := pick(t, "opt-out", open)
	out.withdrawn = true
	db.exec(`update chamber.opt_out set withdrawn_at = '2031-02-01' where opt_out_id = $1`, out.id)
	return fmt.Sprintf("%+v", *out)
}
