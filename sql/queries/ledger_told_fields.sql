-- An import that Constant Contact worked through: the contact exists now, and
-- knows these fields.
update rollcall_state.contact c
set fields_rep = i.rep, fields = i.fields, state = case when c.state in ('', 'absent') then 'active' else c.state end
from (select distinct on (address) activity, address, rep, fields from rollcall_state.intent where activity = $1 and fields <> '') i
join rollcall_state.activity a on a.id = i.activity
where c.source = a.source and c.association = a.association and c.address = i.address and not (c.address = any($2::text[]))
