-- Whose fields count from now on, and which these are. The arrays are one row for
-- each address.
insert into rollcall_state.contact (source, association, address, fields_rep, fields)
select $1, $2, x.* from unnest($3::text[], $4::text[], $5::text[]) as x (address, fields_rep, fields)
on conflict (source, association, address) do update set fields_rep = excluded.fields_rep, fields = excluded.fields
