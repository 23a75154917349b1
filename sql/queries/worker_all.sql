-- The processes that work for a source, with the API keys that each has.
select w.holder, w.beats, count(l.key)::int
from rollcall_state.worker w
left join rollcall_state.lease l on l.holder = w.holder and starts_with(l.key, 'api_key/')
where w.source = $1
group by w.holder, w.beats
