-- Reps by the beginning of their last name: $2 the whole text, or $3 while the
-- first name begins with $4 ($5 says that there is one). The reference schema has
-- an index on the expression.
(select rep_id::text
 from rollcall.reps
 where association_id = $1 and lower(last_name) like $2
 order by lower(last_name) using operator(pg_catalog.~<~)
 limit $6)
union
(select rep_id::text
 from rollcall.reps
 where $5::boolean and association_id = $1 and lower(last_name) like $3 and lower(first_name) like $4
 order by lower(last_name) using operator(pg_catalog.~<~)
 limit $6)
