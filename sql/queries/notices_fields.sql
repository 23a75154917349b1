-- $3 are reps whose fields were looked at; of those of them that are too long $4
-- is the rep and $5 the name of a field, as often as there are such.
with cut as (
    select x.rep, array_agg(x.field order by x.field) as what from unnest($4::text[], $5::text[]) as x (rep, field) group by x.rep
), gone as (
    delete from rollcall_state.notice n
    where n.source = $1 and n.association = $2 and n.kind = 'fields_cut' and n.rep = any($3::text[])
      and not exists (select from cut where cut.rep = n.rep)
)
insert into rollcall_state.notice as n (source, association, kind, rep, what, since)
select $1, $2, 'fields_cut', cut.rep, cut.what, $6::timestamptz from cut
on conflict (source, association, kind, list, rep) do update set what = excluded.what
where n.what <> excluded.what
