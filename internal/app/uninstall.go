package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/config"
	"rollcall/internal/setup"
	"rollcall/internal/source"
	"rollcall/internal/store"
)

// Uninstalling is an installation that may be removed.
type Uninstalling struct {
	Present    setup.Present
	Remembered store.Remembered
	HasState   bool // there is a state, here or elsewhere
	Elsewhere  bool // it is not in the member database

	cfg    *config.Config
	member *pgx.Conn
	state  *pgxpool.Pool
	store  *store.Store
}

// OpenUninstalling looks at what of Rollcall there is, and changes nothing. owner
// is the address of the member database for the owner of its tables. Close must
// be called on what it returns.
func OpenUninstalling(ctx context.Context, cfg *config.Config, owner *pgx.ConnConfig, now func() time.Time) (_ *Uninstalling, err error) {
	u := &Uninstalling{cfg: cfg}
	defer func() {
		if err != nil {
			u.Close()
		}
	}()
	owner.RuntimeParams["application_name"] = "rollcall uninstall"
	if u.member, err = pgx.ConnectConfig(ctx, owner); err != nil {
		return nil, connectError("the member database", owner, err)
	}
	if u.Present, err = setup.Look(ctx, u.member, cfg.Source.Slot); err != nil {
		return nil, err
	}
	elsewhere := cfg.State.URL != cfg.Source.URL
	if !elsewhere && !u.Present.State {
		return u, nil
	}
	if u.state, err = u.openState(ctx, owner, elsewhere); err != nil {
		return nil, err
	}
	err = store.Ready(ctx, u.state)
	if errors.Is(err, store.ErrNotStarted) {
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	u.HasState = true
	u.store = store.New(u.state, cfg.Source.Name, now)
	if u.Remembered, err = u.store.Remembered(ctx); err != nil {
		return nil, err
	}
	if u.Elsewhere, err = u.separate(ctx, elsewhere); err != nil {
		return nil, err
	}
	return u, nil
}

// openState connects to the state, as the owner where it is in the member
// database: the role may have no password that is known here.
func (u *Uninstalling) openState(ctx context.Context, owner *pgx.ConnConfig, elsewhere bool) (*pgxpool.Pool, error) {
	if elsewhere {
		return statePool(ctx, u.cfg, nil)
	}
	c, err := pgxpool.ParseConfig(u.cfg.Source.URL)
	if err != nil {
		return nil, &config.Error{Problems: []config.Problem{{Field: "source.url", Message: "is not a Postgres URL"}}}
	}
	c.ConnConfig = owner.Copy()
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	return openPool(ctx, c, "the member database")
}

// separate says whether the state is in another database than the members,
// whatever the two addresses look like.
func (u *Uninstalling) separate(ctx context.Context, elsewhere bool) (bool, error) {
	if !elsewhere {
		return false, nil
	}
	member, err := source.ReadIdentity(ctx, u.member)
	if err != nil {
		return true, err
	}
	state, err := source.ReadIdentity(ctx, u.state)
	if err != nil {
		return true, err
	}
	return member != state, nil
}

// Close gives the database connections back.
func (u *Uninstalling) Close() {
	if u.member != nil {
		_ = u.member.Close(context.Background())
	}
	if u.state != nil {
		u.state.Close()
	}
}

// Ready says what stands in the way of a removal: a program that runs, or what
// belongs to somebody else.
func (u *Uninstalling) Ready() error {
	switch {
	case !u.Present.Owned:
		return &RefusedError{
			What: "uninstall", Detail: fmt.Sprintf("the user %s owns neither what init made nor the member tables", u.member.Config().User),
			Try: "--url postgres://OWNER@HOST/DATABASE, as the owner of the member tables",
		}
	case u.Present.Active:
		return &RefusedError{What: "uninstall", Detail: "the slot is being read: rollcall run is running", Try: "stopping it first"}
	case u.Remembered.Working != "":
		return &RefusedError{What: "uninstall", Detail: u.Remembered.Working + " is at work", Try: "stopping it first; if it was killed, wait 10 seconds"}
	case len(u.Present.OtherSlots) > 0:
		return &RefusedError{
			What: "uninstall", Detail: fmt.Sprintf("this database has another slot of Rollcall: %q", u.Present.OtherSlots),
			Try: "removing that installation too, or dropping the slot: it keeps the server's log",
		}
	case u.HasState && !u.Elsewhere && len(u.Remembered.Others) > 0:
		return &RefusedError{
			What: "uninstall", Detail: fmt.Sprintf("the state in this database is also that of the sources %q", u.Remembered.Others),
			Try: "uninstalling those first",
		}
	}
	return nil
}

// WriteConsent writes who opted out and who left a list; see store.WriteConsent.
// Without a state there is nobody.
func (u *Uninstalling) WriteConsent(ctx context.Context, w io.Writer) (store.Kept, error) {
	return u.store.WriteConsent(ctx, w)
}

// Remove removes everything. It may be run again where it failed. roleStays says
// that the role is used in another database of the server.
func (u *Uninstalling) Remove(ctx context.Context) (roleStays bool, err error) {
	if err := u.Ready(); err != nil {
		return false, err
	}
	if u.HasState && u.Elsewhere {
		if err := u.store.RemoveSource(ctx); err != nil {
			return false, err
		}
	}
	if u.state != nil {
		u.state.Close() // its sessions would hold the schema
		u.state = nil
	}
	if err := setup.Remove(ctx, u.member, u.cfg.Source.Slot); err != nil {
		return false, err
	}
	left, err := setup.Look(ctx, u.member, u.cfg.Source.Slot)
	return left.Role, err
}

// KeepConsent takes a file of consent into the state of a new installation, which
// is made where there is none. Without a configuration the state is in the member
// database, made as the role rollcall, and the file says the name of the source.
// member is a session on the member database.
func KeepConsent(ctx context.Context, member *pgx.Conn, cfg *config.Config, slot string, file io.ReadSeeker, now func() time.Time) (name string, kept store.Kept, err error) {
	if name, err = store.ConsentSource(file); err != nil {
		return name, kept, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return name, kept, fmt.Errorf("read file of consent: %w", err)
	}
	take := func(pool *pgxpool.Pool) error {
		defer pool.Close()
		if err := store.Migrate(ctx, pool); err != nil {
			return err
		}
		id, err := source.ReadIdentity(ctx, member)
		if err != nil {
			return err
		}
		state, err := source.ReadIdentity(ctx, pool)
		if err != nil {
			return err
		}
		database := installation(id)
		database.Slot, database.WithState = slot, state == id
		kept, err = store.New(pool, name, now).ReadConsent(ctx, file, database)
		return err
	}
	if cfg != nil {
		if cfg.Source.Name != name {
			return name, kept, &RefusedError{
				What: "keep consent", Detail: fmt.Sprintf("the file is of source %q, and source.name is %q", name, cfg.Source.Name), Try: "source.name: " + name,
			}
		}
		pool, err := statePool(ctx, cfg, nil)
		if err != nil {
			return name, kept, err
		}
		return name, kept, take(pool)
	}
	err = setup.AsRole(ctx, member, func() error {
		c, err := pgxpool.ParseConfig("")
		if err != nil {
			return fmt.Errorf("connect to the member database: %w", err)
		}
		c.ConnConfig = member.Config()
		c.ConnConfig.RuntimeParams["timezone"] = "UTC"
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "set role rollcall")
			return err
		}
		pool, err := openPool(ctx, c, "the member database")
		if err != nil {
			return err
		}
		return take(pool)
	})
	return name, kept, err
}
