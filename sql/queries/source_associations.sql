select distinct association_id::text from rollcall.options where association_id is not null
