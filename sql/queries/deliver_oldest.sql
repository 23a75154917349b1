-- How old the oldest address is that is due, and whether $4 are. This is asked at
-- every wake-up, so it reads the queue's beginnings only, and counts by index.
select least(
           (select touched_at from rollcall_state.dirty
            where source = $1 and association = $2 and not_before is null and first order by touched_at limit 1),
           (select touched_at from rollcall_state.dirty
            where source = $1 and association = $2 and not_before is null and not first order by touched_at limit 1),
           (select min(touched_at) from rollcall_state.dirty
            where source = $1 and association = $2 and not_before is not null and not_before <= $3)),
       (select count(*) >= $4
        from (select from rollcall_state.dirty
              where source = $1 and association = $2 and not_before is null limit $4) ready)
