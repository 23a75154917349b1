package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/chamber"
)

// capture stands in for the stream: it keeps the keys that a change touches, as
// rollcall.watches names them.
const capture = `
create schema bench;
create table bench.touched (kind text, key text, primary key (kind, key));
create function bench.touch() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        insert into bench.touched values (tg_argv[0], to_jsonb(old) ->> tg_argv[1]) on conflict do nothing;
    end if;
    if tg_op <> 'DELETE' then
        insert into bench.touched values (tg_argv[0], to_jsonb(new) ->> tg_argv[1]) on conflict do nothing;
    end if;
    return null;
end $$;
create function bench.touch_address() returns trigger language plpgsql as $$
begin
    insert into bench.touched
    select 'rep', rep_id from chamber.rep
    where association_id = new.association_id and lower(btrim(email, E' \t\n\r\f\x0b')) = lower(btrim(new.email, E' \t\n\r\f\x0b'))
    on conflict do nothing;
    return null;
end $$;
create trigger touch after insert or update or delete on chamber.member for each row execute function bench.touch('member', 'member_id');
create trigger touch after insert or update or delete on chamber.member_type for each row execute function bench.touch('member', 'member_id');
create trigger touch after insert or update or delete on chamber.rep for each row execute function bench.touch('rep', 'rep_id');
create trigger touch after insert or update or delete on chamber.rep_group for each row execute function bench.touch('group', 'group_id');
create trigger touch after insert or update or delete on chamber.group_membership for each row execute function bench.touch('rep', 'rep_id');
create trigger touch after insert or update on chamber.opt_out for each row execute function bench.touch_address();`

// touch hands on what was touched since it was last asked.
func (w *world) touch(ctx context.Context) error {
	rows, err := w.pool.Query(ctx, "delete from bench.touched returning kind, key")
	if err != nil {
		return err
	}
	type touched struct{ Kind, Key string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[touched])
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := w.store.Touch(ctx, cdc.Kind(t.Kind), t.Key); err != nil {
			return err
		}
	}
	return nil
}

// arrivals are changes of the member database that come while Rollcall works.
type arrivals struct {
	statements []chamber.Statement
	every      time.Duration
	next       time.Time
}

// arrive does the changes whose time has come and returns when the next one
// comes, zero when none does.
func (w *world) arrive(ctx context.Context, a *arrivals) (next time.Time, err error) {
	for len(a.statements) > 0 && !w.clock.now().Before(a.next) {
		s := a.statements[0]
		if _, err := w.pool.Exec(ctx, s.SQL, s.Args...); err != nil {
			return next, fmt.Errorf("change the member database: %w", err)
		}
		a.statements = a.statements[1:]
		a.next = a.next.Add(a.every)
	}
	if err := w.touch(ctx); err != nil || len(a.statements) == 0 {
		return next, err
	}
	return a.next, nil
}
