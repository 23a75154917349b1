-- The notices about lists are those given by kind, list key and name, and no
-- others. Those that stay keep their time.
with wanted as (
    select x.kind, x.list, x.name from unnest($3::text[], $4::text[], $5::text[]) as x (kind, list, name)
), gone as (
    delete from rollcall_state.notice n
    where n.source = $1 and n.association = $2 and n.list <> ''
      and not exists (select from wanted w where w.kind = n.kind and w.list = n.list)
)
insert into rollcall_state.notice as n (source, association, kind, list, what, since)
select $1, $2, w.kind, w.list, array[w.name], $6::timestamptz from wanted w
on conflict (source, association, kind, list, rep) do update set what = excluded.what
where n.what <> excluded.what
