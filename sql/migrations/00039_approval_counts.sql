-- +goose Up
-- How many operations each question has. Many statements write pairs; triggers miss
-- none of them. It is a table of its own, so that whoever writes pairs locks no
-- question that is being answered.
create table rollcall_state.approval_count (
    approval bigint primary key references rollcall_state.approval on delete cascade,
    pairs    integer not null, -- asked about
    open     integer not null  -- of these, neither done nor withdrawn
);

-- +goose StatementBegin
create function rollcall_state.approval_pairs_written() returns trigger
language plpgsql set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        insert into rollcall_state.approval_count as c (approval, pairs, open)
        select approval, count(*), count(*) filter (where ended = '') from written group by approval order by approval
        on conflict (approval) do update set pairs = c.pairs + excluded.pairs, open = c.open + excluded.open;
    else
        insert into rollcall_state.approval_count as c (approval, pairs, open)
        select approval, sum(pairs), sum(open)
        from (select approval, 1 as pairs, (ended = '')::integer as open from written
              union all
              select approval, -1, -(ended = '')::integer from replaced) x
        group by approval
        having sum(pairs) <> 0 or sum(open) <> 0
        order by approval
        on conflict (approval) do update set pairs = c.pairs + excluded.pairs, open = c.open + excluded.open;
    end if;
    return null;
end
$$;

create function rollcall_state.approval_pairs_deleted() returns trigger
language plpgsql set search_path = ''
as $$
begin
    update rollcall_state.approval_count c set pairs = c.pairs - d.pairs, open = c.open - d.open
    from (select approval, count(*) as pairs, count(*) filter (where ended = '') as open from deleted group by approval) d
    where c.approval = d.approval;
    return null;
end
$$;
-- +goose StatementEnd

create trigger approval_pairs_inserted after insert on rollcall_state.approval_pair
    referencing new table as written for each statement execute function rollcall_state.approval_pairs_written();
create trigger approval_pairs_updated after update on rollcall_state.approval_pair
    referencing old table as replaced new table as written for each statement execute function rollcall_state.approval_pairs_written();
create trigger approval_pairs_deleted after delete on rollcall_state.approval_pair
    referencing old table as deleted for each statement execute function rollcall_state.approval_pairs_deleted();

-- The triggers keep other writers out until this is committed.
insert into rollcall_state.approval_count (approval, pairs, open)
select approval, count(*), count(*) filter (where ended = '')
from rollcall_state.approval_pair
group by approval;

-- +goose Down
drop trigger approval_pairs_deleted on rollcall_state.approval_pair;
drop trigger approval_pairs_updated on rollcall_state.approval_pair;
drop trigger approval_pairs_inserted on rollcall_state.approval_pair;
drop function rollcall_state.approval_pairs_deleted();
drop function rollcall_state.approval_pairs_written();
drop table rollcall_state.approval_count;
