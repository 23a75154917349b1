-- Records an account. Who agreed that members are mailed stays on record when
-- nobody is named now.
insert into rollcall_state.connection as c
    (source, association, api_key, account_id, account_name, state, state_since, connected_at, connected_by, agreed_at, agreed_by)
values ($1, $2, $3, $4, $5, 'connected', $6, $7, $8, $9, $10)
on conflict (source, association) do update
set api_key = excluded.api_key, account_id = excluded.account_id, account_name = excluded.account_name, state = 'connected', detail = '',
    state_since = case when c.state = 'connected' then c.state_since else excluded.state_since end,
    connected_at = excluded.connected_at, connected_by = excluded.connected_by,
    agreed_at = coalesce(excluded.agreed_at, c.agreed_at),
    agreed_by = case when excluded.agreed_at is null then c.agreed_by else excluded.agreed_by end
