-- Lists that mirror nothing were lists of the account that is left.
with gone as (
    delete from rollcall_state.ledger
    where source = $1 and association = $2 and list like 'unmanaged:%' and departed_at is null
)
update rollcall_state.approval_pair
set ended = 'withdrawn'
where source = $1 and association = $2 and list like 'unmanaged:%' and ended = ''
