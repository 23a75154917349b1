package cdc_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/faultproxy"
)

// through has a reader connect by way of a proxy.
func through(t *testing.T, m *member) (*faultproxy.Proxy, func(*cdc.Config)) {
	t.Helper()
	conn := m.Config()
	p, err := faultproxy.Listen(net.JoinHostPort(conn.Host, fmt.Sprint(conn.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, func(c *cdc.Config) {
		host, port, err := net.SplitHostPort(p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		c.Conn.Host, c.Conn.Port, c.Conn.Fallbacks = host, uint16(atoi(t, port)), nil
		c.SenderTimeout = 1500 * time.Millisecond
	}
}

// wantReps wants that exactly the reps 1 to n were touched, besides what waitFor
// touches.
func (s *memory) wantReps(t *testing.T, n int) {
	t.Helper()
	got := map[string]bool{}
	for _, key := range s.keys() {
		got[key] = true
	}
	for i := range n {
		if key := fmt.Sprintf("rep %d", i+1); !got[key] {
			t.Errorf("%s was lost", key)
		}
	}
	delete(got, "member -1")
	if extra := len(got) - n; extra > 0 {
		t.Errorf("%d keys were touched that nobody changed", extra)
	}
}

// Whatever the network does: the reader notices by itself, takes the slot again,
// and has every change.
func TestReaderOutlastsTheNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		harm, mend func(*faultproxy.Proxy)
	}{
		"cut":                {(*faultproxy.Proxy).Cut, nil},
		"cut for a while":    {func(p *faultproxy.Proxy) { p.Refuse(true); p.Cut() }, func(p *faultproxy.Proxy) { p.Refuse(false) }},
		"silent":             {(*faultproxy.Proxy).Stall, func(p *faultproxy.Proxy) { p.Cut(); p.Resume() }},
		"the server is gone": {(*faultproxy.Proxy).ForgetClients, nil},
		"the server does not know that we are gone": {(*faultproxy.Proxy).ForgetServers, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMember(t)
			proxy, configure := through(t, m)
			r := m.read(t, configure)
			const each, rounds = 50, 2
			n := 0
			change := func() {
				m.exec(t, fmt.Sprintf("insert into public.rep select i from generate_series(%d, %d) i", n+1, n+each))
				n += each
			}
			for round := range rounds {
				change()
				m.store.waitFor(t, m)
				connects := r.Stats().Connects.Load()
				c.harm(proxy)
				change()
				if c.mend != nil {
					// It gives the connection up without being told.
					r.waitForLog(t, "stream was interrupted", round+1)
					change()
					c.mend(proxy)
				}
				m.store.waitFor(t, m)
				if r.Stats().Connects.Load() == connects {
					t.Errorf("round %d: nothing was interrupted", round)
				}
			}
			m.store.wantReps(t, n)
		})
	}
}

// A connection that only pauses costs nothing but the pause.
func TestReaderOutlastsAPause(t *testing.T) {
	m := newMember(t)
	proxy, configure := through(t, m)
	r := m.read(t, func(c *cdc.Config) {
		configure(c)
		c.SenderTimeout = time.Minute
	})
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	proxy.Stall()
	m.exec(t, "insert into public.rep select i from generate_series(2, 500) i")
	proxy.Resume()
	m.store.waitFor(t, m)
	m.store.wantReps(t, 500)
	if n := r.Stats().Connects.Load(); n != 1 {
		t.Errorf("connected %d times", n)
	}
}

// Where the network was cut so that the server does not know, a stand-by gets the
// slot once the server's patience with the first is over.
func TestStandByTakesOverAfterACut(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	proxy, configure := through(t, m)
	m.read(t, configure)
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	second := m.read(t, func(c *cdc.Config) { c.SenderTimeout = 1500 * time.Millisecond })
	second.waitForLog(t, "standing by", 1)
	proxy.Refuse(true)
	proxy.ForgetServers()
	m.exec(t, "insert into public.rep values (2)")
	m.store.waitFor(t, m)
	m.store.wantReps(t, 2)
	if n := second.Stats().Connects.Load(); n != 1 {
		t.Errorf("the stand-by connected %d times", n)
	}
}

// A server that takes the connection and never answers is given up.
func TestReaderGivesUpASilentServer(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	proxy, configure := through(t, m)
	proxy.Stall()
	r := m.read(t, func(c *cdc.Config) {
		configure(c)
		c.SenderTimeout = 50 * time.Millisecond
	})
	r.waitForLog(t, "stream was interrupted", 1)
}

// Somebody else moves the slot after we have looked at it and before it is ours.
func TestReaderNoticesAConsumerWhileItConnects(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	moved := false
	other := connect(t, m.url)
	m.store.mu.Lock()
	m.store.location = func() error { // asked between the two
		if !moved {
			moved = true
			_, err := other.Exec(t.Context(), "insert into public.rep values (2)")
			if err == nil {
				_, err = other.Exec(t.Context(), "select pg_replication_slot_advance($1, pg_current_wal_lsn())", m.slot)
			}
			return err
		}
		return nil
	}
	m.store.mu.Unlock()
	m.exec(t, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '"+m.slot+"'")
	r.wantEnd(t, cdc.ErrPositions)
}
