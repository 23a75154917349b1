select rep_id::text, member_id::text, email::text, first_name::text, last_name::text, company::text, job_title::text,
       phone::text, street::text, city::text, state::text, zip::text, country::text,
       active, member_status::text, membership_types::text[], opted_out, true /* mailable */,
       null::text[] /* custom */
from rollcall.reps
where association_id = $1 and rep_id = any($2)
