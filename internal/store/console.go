package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/access"
	"rollcall/sql"
)

// ConsoleUser is a user with how the user came about.
type ConsoleUser struct {
	access.Account
	AddedAt time.Time
	AddedBy string
}

// ConsoleUsers reads all users, by name.
func (s *Store) ConsoleUsers(ctx context.Context) ([]ConsoleUser, error) {
	return s.consoleUsers(ctx, "")
}

// HasConsoleUsers says whether there is any; see access.Guard.
func (s *Store) HasConsoleUsers(ctx context.Context) (some bool, err error) {
	err = s.pool.QueryRow(ctx, "select exists (select from rollcall_state.console_user where source = $1)", s.source).Scan(&some)
	if err != nil {
		return false, fmt.Errorf("read users of the console: %w", err)
	}
	return some, nil
}

// ConsoleUser reads a user; see access.Guard.
func (s *Store) ConsoleUser(ctx context.Context, name string) (access.Account, error) {
	if name == "" {
		return access.Account{}, access.ErrNoUser
	}
	all, err := s.consoleUsers(ctx, name)
	switch {
	case err != nil:
		return access.Account{}, err
	case len(all) == 0:
		return access.Account{}, access.ErrNoUser
	}
	return all[0].Account, nil
}

func (s *Store) consoleUsers(ctx context.Context, name string) ([]ConsoleUser, error) {
	rows, err := s.pool.Query(ctx, sql.Query("console_users"), s.source, name)
	if err != nil {
		return nil, fmt.Errorf("read users of the console: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u ConsoleUser, err error) {
		var role string
		if err = row.Scan(&u.Name, &role, &u.Associations, &u.PasswordHash, &u.PasswordID, &u.AddedAt, &u.AddedBy); err == nil {
			u.Role, err = access.ParseRole(role)
		}
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("read users of the console: %w", err)
	}
	return all, nil
}

// ConsoleSession reads the user of a session; see access.Guard.
func (s *Store) ConsoleSession(ctx context.Context, hash string, begunAfter, seenAfter time.Time) (access.Account, bool, error) {
	var a access.Account
	var role string
	err := s.pool.QueryRow(ctx, sql.Query("console_session"), s.source, hash, begunAfter, seenAfter, s.now()).
		Scan(&a.Name, &role, &a.Associations, &a.PasswordHash, &a.PasswordID)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, false, nil
	}
	if err == nil {
		a.Role, err = access.ParseRole(role)
	}
	if err != nil {
		return a, false, fmt.Errorf("read session: %w", err)
	}
	return a, true, nil
}

// BeginConsoleSession records a session; see access.Guard.
func (s *Store) BeginConsoleSession(ctx context.Context, hash string, a access.Account, begunAfter, seenAfter time.Time) error {
	_, err := s.pool.Exec(ctx, sql.Query("console_begin"), s.source, hash, a.Name, a.PasswordID, begunAfter, seenAfter, s.now())
	if err != nil {
		return fmt.Errorf("record session: %w", err)
	}
	return nil
}

// EndConsoleSession forgets a session; see access.Guard.
func (s *Store) EndConsoleSession(ctx context.Context, hash string) error {
	if _, err := s.pool.Exec(ctx, "delete from rollcall_state.console_session where source = $1 and token_hash = $2", s.source, hash); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// AddConsoleUser records a new user, whom by lets in. The error is
// access.ErrUserExists where the name is taken.
func (s *Store) AddConsoleUser(ctx context.Context, u access.User, passwordHash, by string) error {
	return s.changeUser(ctx, by, userAct(ActUserAdd, u.Name, rightsOf(u)), access.ErrUserExists, sql.Query("console_add"),
		s.source, u.Name, u.Role.String(), u.Associations, passwordHash, s.now(), by)
}

// ChangeConsoleUser gives a user a role and associations, from the next request
// on. The error is access.ErrNoUser where there is no such user, as with all that
// follow.
func (s *Store) ChangeConsoleUser(ctx context.Context, u access.User, by string) error {
	return s.changeUser(ctx, by, userAct(ActUserRole, u.Name, rightsOf(u)), access.ErrNoUser,
		"update rollcall_state.console_user set role = $3, associations = $4, changed_at = $5 where source = $1 and name = $2",
		s.source, u.Name, u.Role.String(), u.Associations, s.now())
}

// SetConsolePassword gives a user another password, and ends all sessions.
func (s *Store) SetConsolePassword(ctx context.Context, name, hash, by string) error {
	return s.changeUser(ctx, by, userAct(ActUserPassword, name, ""), access.ErrNoUser, sql.Query("console_password"), s.source, name, hash, s.now())
}

// RemoveConsoleUser removes a user, and ends all sessions.
func (s *Store) RemoveConsoleUser(ctx context.Context, name, by string) error {
	return s.changeUser(ctx, by, userAct(ActUserRemove, name, ""), access.ErrNoUser,
		"delete from rollcall_state.console_user where source = $1 and name = $2", s.source, name)
}

func userAct(what Action, name, detail string) Act {
	return Act{What: what, Subjects: []string{subject("user", name)}, Detail: detail}
}

// rightsOf says what a user may do and see.
func rightsOf(u access.User) string {
	if u.Associations == nil {
		return u.Role.String() + " of all associations"
	}
	return u.Role.String() + " of association " + strings.Join(u.Associations, ", ")
}

// changeUser runs a statement about one user, as an act of somebody; none is what
// it means when it changes nothing.
func (s *Store) changeUser(ctx context.Context, by string, act Act, none error, statement string, args ...any) error {
	return s.begin(ctx, "change users of the console", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = none
		}
		if err != nil {
			return err
		}
		return s.Association("").record(ctx, tx, by, act)
	})
}
