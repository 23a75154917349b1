select email::text, group_id::text
from rollcall.opt_outs
where association_id = $1 and lower(btrim(email, E' \t\n\r\f\x0b')) = any($2)
