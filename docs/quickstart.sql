-- People for the quick start of docs/install.md. To undo: drop schema chamber cascade.
insert into chamber.association (name) values ('Harbour Chamber');
insert into chamber.sync_options (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups)
    values (1, 'ConstantContact', true, true, true);
insert into chamber.membership_type (association_id, name) values (1, 'Gold');
insert into chamber.member (association_id, name, status) values (1, 'Northern Rope Works', 'active');
insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1);
insert into chamber.rep (association_id, member_id, first_name, last_name, email) values
    (1, 1, 'Ada', 'Example', 'ada@example.org'), (1, 1, 'Berta', 'Example', 'berta@example.org'), (1, 1, 'Carl', 'Example', 'carl@example.org');
insert into chamber.rep_group (association_id, name) values (1, 'Board');
insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 1), (1, 1, 2);
