-- $3 addresses with which somebody in the database has to do, $4 the others.
with held as (
    update rollcall_state.contact set unheld_since = null
    where source = $1 and association = $2 and address = any($3::text[]) and unheld_since is not null
)
insert into rollcall_state.contact as c (source, association, address, unheld_since)
select $1, $2, x.address, $5::timestamptz from unnest($4::text[]) as x (address)
on conflict (source, association, address) do update set unheld_since = excluded.unheld_since
where c.unheld_since is null
