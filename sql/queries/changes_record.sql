-- An e-mail change of a rep: $4 is the previous address, $5 the new one.
with open as (
    delete from rollcall_state.address_change
    where source = $1 and association = $2 and rep = $3 and ended_at is null
    returning from_address
)
insert into rollcall_state.address_change (source, association, rep, from_address, to_address, seen_at)
values ($1, $2, $3,
        array(select distinct x from (select unnest(from_address) as x from open union select $4::text) y where x <> $5::text order by x),
        $5::text, $6)
