-- An example member database of a chamber of commerce, as membership software
-- keeps it. Rollcall does not need these tables: it reads the views of the
-- folder contract, which are written over them here.
--
-- Run once, in an empty database:  psql -v ON_ERROR_STOP=1 -1 -f 01_schema.sql
-- A second run fails at the first statement and changes nothing.
-- To undo, data included:          drop schema chamber cascade;

create schema chamber;
comment on schema chamber is 'Member database of one or more associations (example schema of Rollcall).';

create table chamber.association (
    association_id bigint generated always as identity primary key,
    name           text not null check (btrim(name) <> '')
);
comment on table chamber.association is 'One tenant: a chamber of commerce or another association.';
comment on column chamber.association.association_id is 'Key of the association.';
comment on column chamber.association.name is 'Name of the association.';

create table chamber.membership_type (
    membership_type_id bigint generated always as identity primary key,
    association_id     bigint not null references chamber.association,
    name               text not null check (btrim(name) <> ''),
    unique (association_id, membership_type_id),
    unique (association_id, name)
);
comment on table chamber.membership_type is 'A kind of membership that an association offers.';
comment on column chamber.membership_type.membership_type_id is 'Key of the membership type.';
comment on column chamber.membership_type.association_id is 'The association that offers it.';
comment on column chamber.membership_type.name is 'Name of the membership type, unique in the association.';

create table chamber.member (
    member_id      bigint generated always as identity primary key,
    association_id bigint not null references chamber.association,
    name           text not null check (btrim(name) <> ''),
    status         text not null check (status in ('active', 'courtesy', 'prospect', 'dropped', 'nonmember')),
    joined_on      date,
    dropped_on     date,
    unique (association_id, member_id),
    check (dropped_on >= joined_on)
);
comment on table chamber.member is 'An organisation: a member, a former member, or one that may become a member.';
comment on column chamber.member.member_id is 'Key of the member.';
comment on column chamber.member.association_id is 'The association it belongs to.';
comment on column chamber.member.name is 'Name of the organisation.';
comment on column chamber.member.status is 'active and courtesy count as active; prospect, dropped and nonmember do not.';
comment on column chamber.member.joined_on is 'Day the membership began; empty for prospects.';
comment on column chamber.member.dropped_on is 'Day the membership ended; empty while it lasts.';

create table chamber.member_type (
    association_id     bigint not null,
    member_id          bigint not null,
    membership_type_id bigint not null,
    primary key (member_id, membership_type_id),
    foreign key (association_id, member_id) references chamber.member (association_id, member_id) on delete cascade,
    foreign key (association_id, membership_type_id) references chamber.membership_type (association_id, membership_type_id)
);
create index member_type_by_type on chamber.member_type (association_id, membership_type_id);
comment on table chamber.member_type is 'Which membership types a member has; several are possible.';
comment on column chamber.member_type.association_id is 'The association of both, so that they cannot differ.';
comment on column chamber.member_type.member_id is 'The member.';
comment on column chamber.member_type.membership_type_id is 'A membership type that the member has.';

create table chamber.rep (
    rep_id         bigint generated always as identity primary key,
    association_id bigint not null references chamber.association,
    member_id      bigint,
    first_name     text,
    last_name      text,
    job_title      text,
    phone          text,
    street         text,
    city           text,
    state          text,
    zip            text,
    country        text,
    email          text,
    active         boolean not null default true,
    opted_out      boolean not null default false,
    unique (association_id, rep_id),
    foreign key (association_id, member_id) references chamber.member (association_id, member_id)
);
create index rep_by_member on chamber.rep (member_id);
-- Serves the look-up of everybody with one address. A query must use this very
-- expression. The last character is a vertical tab; it is written as \x0b
-- because servers before 16 read \v as the letter v.
create index rep_by_address on chamber.rep (association_id, lower(btrim(email, E' \t\n\r\f\x0b')));
-- Serves the search by name on the web console.
create index rep_by_last_name on chamber.rep (association_id, lower(last_name) text_pattern_ops);
comment on table chamber.rep is 'A person: a representative of a member, or a prospect.';
comment on column chamber.rep.rep_id is 'Key of the rep.';
comment on column chamber.rep.association_id is 'The association that keeps this record.';
comment on column chamber.rep.member_id is 'The organisation the person represents; empty for a person who stands alone, such as a prospect.';
comment on column chamber.rep.first_name is 'First name.';
comment on column chamber.rep.last_name is 'Last name.';
comment on column chamber.rep.job_title is 'Position at the member.';
comment on column chamber.rep.phone is 'Phone number at work.';
comment on column chamber.rep.street is 'Street and number.';
comment on column chamber.rep.city is 'City.';
comment on column chamber.rep.state is 'State or region.';
comment on column chamber.rep.zip is 'Postal code.';
comment on column chamber.rep.country is 'Country.';
comment on column chamber.rep.email is 'E-mail address as typed: may be empty, wrong, or the same as somebody else''s.';
comment on column chamber.rep.active is 'False when the person is no longer a representative but the record is kept.';
comment on column chamber.rep.opted_out is 'True when the person asked not to get mailings.';

create table chamber.rep_group (
    group_id       bigint generated always as identity primary key,
    association_id bigint not null references chamber.association,
    name           text not null check (btrim(name) <> ''),
    sync           boolean not null default true,
    unique (association_id, group_id)
);
comment on table chamber.rep_group is 'A named set of reps: a committee, a board, the readers of a newsletter.';
comment on column chamber.rep_group.group_id is 'Key of the group.';
comment on column chamber.rep_group.association_id is 'The association it belongs to.';
comment on column chamber.rep_group.name is 'Name of the group. Two groups may have the same name.';
comment on column chamber.rep_group.sync is 'Ticked: the group is kept as a list in Constant Contact. A new group is ticked.';

create table chamber.group_membership (
    association_id bigint not null,
    group_id       bigint not null,
    rep_id         bigint not null,
    disabled       boolean not null default false,
    primary key (group_id, rep_id),
    foreign key (association_id, group_id) references chamber.rep_group (association_id, group_id) on delete cascade,
    foreign key (association_id, rep_id) references chamber.rep (association_id, rep_id) on delete cascade
);
create index group_membership_by_rep on chamber.group_membership (rep_id);
comment on table chamber.group_membership is 'One rep in one group.';
comment on column chamber.group_membership.association_id is 'The association of both, so that they cannot differ.';
comment on column chamber.group_membership.group_id is 'The group.';
comment on column chamber.group_membership.rep_id is 'The rep.';
comment on column chamber.group_membership.disabled is 'Kept but switched off: the rep gets no mail sent to this group.';

create table chamber.sync_options (
    association_id        bigint primary key references chamber.association on delete cascade,
    newsletter_solution   text not null default 'ConstantContact',
    sync_all_active       boolean not null default false,
    sync_membership_types boolean not null default false,
    sync_groups           boolean not null default false,
    window_start          time not null default '01:00',
    window_end            time not null default '04:00',
    time_zone             text not null default 'America/Chicago' check (time_zone <> '')
);
comment on table chamber.sync_options is 'What an association wants to be synchronised. No row: nothing.';
comment on column chamber.sync_options.association_id is 'The association.';
comment on column chamber.sync_options.newsletter_solution is 'Name of the newsletter service; Rollcall acts on ConstantContact only.';
comment on column chamber.sync_options.sync_all_active is 'Keep one list of all reps of active and courtesy members.';
comment on column chamber.sync_options.sync_membership_types is 'Keep one list for each membership type.';
comment on column chamber.sync_options.sync_groups is 'Keep one list for each ticked group.';
comment on column chamber.sync_options.window_start is 'Nightly run: earliest local time it may start.';
comment on column chamber.sync_options.window_end is 'Nightly run: local time after which it no longer starts; before window_start means the next day.';
comment on column chamber.sync_options.time_zone is 'Time zone of the two times, as an IANA name.';

create table chamber.opt_out (
    opt_out_id     bigint generated always as identity primary key,
    association_id bigint not null references chamber.association,
    email          text not null check (btrim(email) <> ''),
    group_id       bigint,
    opted_out_at   timestamptz not null,
    withdrawn_at   timestamptz,
    foreign key (association_id, group_id) references chamber.rep_group (association_id, group_id) on delete cascade,
    check (withdrawn_at >= opted_out_at)
);
create index opt_out_by_address on chamber.opt_out (association_id, lower(btrim(email, E' \t\n\r\f\x0b')));
create index opt_out_by_group on chamber.opt_out (association_id, group_id) where group_id is not null;
comment on table chamber.opt_out is 'Opt-outs kept by address, for people with or without a record. Rows are withdrawn, not deleted: a deleted row no longer says whose address changed.';
comment on column chamber.opt_out.opt_out_id is 'Key of the opt-out.';
comment on column chamber.opt_out.association_id is 'The association whose mail is not wanted.';
comment on column chamber.opt_out.email is 'The address, as typed. To opt out another address, add a row.';
comment on column chamber.opt_out.group_id is 'The one group whose mail is not wanted; empty for all mail.';
comment on column chamber.opt_out.opted_out_at is 'When the person opted out.';
comment on column chamber.opt_out.withdrawn_at is 'When the person took it back; empty while it stands.';
