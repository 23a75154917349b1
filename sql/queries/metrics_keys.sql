-- Leases, and the calls of API keys today. Neither has a source: $1 is not needed.
-- See metrics_queue.sql for the shape.
select 'lease_expiry_timestamp_seconds', '', array[key], extract(epoch from expires_at)::double precision
from rollcall_state.lease where holder <> '' and $1::text is not null
union all
select 'lease_takeovers', '', array[key], token::double precision
from rollcall_state.lease
union all
select 'api_calls_today', '', array[key], taken::double precision
from rollcall_state.budget where day = ($2::timestamptz at time zone 'UTC')::date
union all
select 'api_opt_out_calls_today', '', array[key], sum(opt_outs)::double precision
from rollcall_state.budget_share where day = ($2::timestamptz at time zone 'UTC')::date group by key
union all
select 'api_day_closed', '', array[key], (closed_until > $2::timestamptz)::int::double precision
from rollcall_state.budget where day = ($2::timestamptz at time zone 'UTC')::date and closed_until is not null
