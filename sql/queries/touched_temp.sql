create temporary table if not exists touched_in (
    kind       text not null,
    via        text not null,
    key        text[] not null,
    xids       bigint[],            -- null: all visible
    end_lsn    bigint not null,
    touched_at timestamptz not null
) on commit delete rows
