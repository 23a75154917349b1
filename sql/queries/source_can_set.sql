-- Whether this role may set ticks and options.
select coalesce(bool_and(coalesce(has_function_privilege(to_regprocedure(f), 'execute'), false)), false)
from unnest(array['rollcall.set_group_sync(text, text, boolean)',
                  'rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text)']) as f
