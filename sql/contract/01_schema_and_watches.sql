-- The schema rollcall and the table rollcall.watches.
--
-- Run the files of this folder in order, as the owner of the member tables:
--     psql -v ON_ERROR_STOP=1 -1 -f 01_schema_and_watches.sql -f 02_views.sql …
-- They may be run again at any time, all of them or one. To undo them all, see
-- uninstall/uninstall.sql.
--
-- For another member schema change 02_views.sql: the views, and the rows of
-- rollcall.watches at its end. The other files fit every schema as they are.
-- rollcall init runs all of them, with views and watches of your own.

create schema if not exists rollcall;
comment on schema rollcall is 'What Rollcall reads of this database: views, and the list of tables to watch.';

create table if not exists rollcall.watches (
    "table" text not null check ("table" ~ '^[^.]+[.][^.]+$'),
    keys    text[] not null check (array_position(keys, null) is null),
    kind    text not null check (kind in ('rep', 'member', 'group', 'association', 'address', 'all')),
    resolve text check (resolve ~* '^[[:space:]]*(select|with)[[:space:]]'),
    constraint watches_key_count check (
        case when kind = 'all' then keys = '{}' and resolve is null
             when resolve is null then cardinality(keys) = 1
             else keys <> '{}' end),
    constraint watches_address_needs_resolve check (kind <> 'address' or resolve is not null)
);
-- Two watches of a table may differ in resolve alone, which may be empty: that
-- rules out a primary key, so whole rows identify a watch on the stream. They
-- hold no personal data.
create unique index if not exists watches_once on rollcall.watches ("table", keys, kind, coalesce(resolve, ''));
alter table rollcall.watches replica identity full;

comment on table rollcall.watches is 'What a changed row of a member table touches. Every table that a view of this schema reads must be listed. After a change run 04_publication.sql again.';
comment on column rollcall.watches."table" is 'The table as schema.table, without quotes.';
comment on column rollcall.watches.keys is 'Columns whose values say what is touched. Only these and the columns that identify a row leave the server: name no column with personal data.';
comment on column rollcall.watches.kind is 'What the key names: rep, member, group, association or address; all (without keys) stands for everything.';
comment on column rollcall.watches.resolve is 'Empty: the one key is the id. Else one SELECT from the key values ($1, $2 … in the order of keys) to one text column of ids, or for the kind address to two: association_id and e-mail. It must use every parameter. It runs as the role rollcall, so it reads the views of this schema, named with the schema.';
