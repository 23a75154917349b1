select distinct association_id::text from rollcall.options
