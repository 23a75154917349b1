-- Everything that is known of people in an account ends with it; who holds the
-- address in the database stays known.
update rollcall_state.contact
set contact_id = '', state = '', read_at = null, fields_rep = '', fields = '', lists = 0,
    refused_at = null, refused_fields = '', retried_at = null, imported_at = '{}'
where source = $1 and association = $2
