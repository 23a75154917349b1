-- What a changed row touches. The kind member is not used: a look-up by the
-- made-up id 'corp:7' could use no index.
insert into rollcall.watches ("table", keys, kind, resolve)
values
    ('public.auth_user', array['id'], 'rep', null),
    ('public.profiles_profile', array['user_id'], 'rep', null),
    ('public.corporate_memberships_corpmembershiprep', array['user_id'], 'rep', null),
    ('public.corporate_memberships_corpprofile', array['id'], 'rep',
     'select rep_id::text from rollcall.reps_by_company where corp_profile_id = $1'),
    ('public.corporate_memberships_corpmembership', array['corp_profile_id'], 'rep',
     'select rep_id::text from rollcall.reps_by_company where corp_profile_id = $1'),
    ('public.memberships_membershipdefault', array['user_id'], 'rep', null),
    -- Types are few and change seldom, and their names are names of lists.
    ('public.corporate_memberships_corporatemembershiptype', array['id'], 'association', 'select ''1'' where $1::text is not null'),
    ('public.memberships_membershiptype', array['id'], 'association', 'select ''1'' where $1::text is not null'),
    ('public.user_groups_group', array['id'], 'group', null),
    ('public.user_groups_groupmembership', array['member_id'], 'rep', null),
    -- Settings by name; the name is no part of the key.
    ('public.site_settings_setting', array['id'], 'association', 'select ''1'' where $1::text is not null');
