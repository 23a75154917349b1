create temporary table if not exists mark (
    association text not null,               -- '' = every one that the rep was seen in
    rep         text not null,               -- '' = the address itself, or the association's lists
    address     text not null,
    problem     text not null,
    first       boolean not null default false
) on commit delete rows
