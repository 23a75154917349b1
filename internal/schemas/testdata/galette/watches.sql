-- What a changed row touches.
insert into rollcall.watches ("table", keys, kind, resolve)
values
    -- The kind member reaches the adherent itself and those attached to it, who
    -- take company and due date from it. It does not reach an adherent who is
    -- attached to another: that is what the first row is for.
    ('public.galette_adherents', array['id_adh'], 'rep', null),
    ('public.galette_adherents', array['id_adh'], 'member', null),
    -- The name of a status is the name of a list, so the lists are touched too.
    ('public.galette_statuts', array['id_statut'], 'rep', 'select rep_id::text from rollcall.reps_by_status where id_statut = $1'),
    ('public.galette_statuts', array['id_statut'], 'association', 'select ''1'' where $1::text is not null'),
    -- Of all forms; an id of another form touches somebody for nothing.
    ('public.galette_dynamic_fields', array['item_id'], 'rep', null),
    -- Renaming the check box concerns everybody who has ticked it.
    ('public.galette_field_types', array['field_id'], 'association', 'select ''1'' where $1::text is not null'),
    ('public.galette_groups', array['id_group'], 'group', null),
    ('public.galette_groups_members', array['id_adh'], 'rep', null),
    ('public.galette_groups_managers', array['id_adh'], 'rep', null),
    -- Settings by name. The name is not part of the key, so each change of a
    -- setting touches the association.
    ('public.galette_preferences', array['id_pref'], 'association', 'select ''1'' where $1::text is not null');
