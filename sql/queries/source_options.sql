select newsletter_solution::text, sync_all_active, sync_membership_types, sync_groups,
       window_start::text, window_end::text, time_zone::text
from rollcall.options
where association_id = $1
