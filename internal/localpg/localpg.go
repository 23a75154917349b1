package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	startTimeout  = 60 * time.Second      // recovery after a kill included
	stopTimeout   = 10 * time.Second      // of a fast shutdown, before it is cut short
	probeInterval = 20 * time.Millisecond // between two looks at a starting server
	portAttempts  = 3                     // somebody else may take the free port first
)

// Options of Start. The zero value is a fresh server in a temporary folder.
type Options struct {
	// Dir keeps the cluster (in Dir/data) and the server's log. A cluster that is
	// already there, such as a copy of another server's, is started as it is. Stop
	// leaves Dir in place. The default is a temporary folder that Stop removes.
	// For root, the account postgres or nobody must be able to enter Dir's parent.
	Dir string
	// Temp is where the temporary folder is made. The default is the system's place
	// for such folders.
	Temp string
	// Settings are lines of postgresql.conf. They win over the defaults, and
	// ALTER SYSTEM wins over them.
	Settings map[string]string
	// Log is told, a line each, which programs are used and what is fetched.
	Log io.Writer
}

// Server is a running Postgres. Its methods are for one goroutine at a time.
type Server struct {
	bin     string
	dir     string
	port    int
	version int
	account *account
	temp    *tempDir // nil when the caller chose the folder
	process *process
}

// Start makes a cluster if there is none yet, starts its server and returns when
// it answers. The context bounds the start, not the life of the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	log := o.Log
	if log == nil {
		log = io.Discard
	}
	a, err := unprivileged()
	if err != nil {
		return nil, err
	}
	bin, err := binaries(ctx, a, log)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "starting Postgres from %s\n", bin)
	s := &Server{bin: bin, dir: o.Dir, account: a}
	if err := s.prepare(ctx, o); err != nil {
		return nil, errors.Join(err, s.temp.remove())
	}
	for range portAttempts {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.launch(ctx); err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(err, s.temp.remove())
}

// prepare makes the folder and, where none is yet, the cluster, and writes its settings.
func (s *Server) prepare(ctx context.Context, o Options) error {
	if s.dir == "" {
		temp, err := newTempDir(cmp.Or(o.Temp, os.TempDir()), s.account)
		if err != nil {
			return err
		}
		s.temp, s.dir = temp, temp.path
	} else if err := s.adopt(); err != nil {
		return fmt.Errorf("prepare server folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(s.DataDir(), "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := s.initdb(ctx); err != nil {
			return err
		}
	}
	return s.configure(o.Settings)
}

// adopt makes the caller's folder and gives it, with what it holds, to the server's account.
func (s *Server) adopt() error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if parent := filepath.Dir(dir); !s.account.canEnter(parent) {
		return fmt.Errorf("the server's account cannot enter %s", parent)
	}
	s.dir = dir
	return s.account.own(dir)
}

// launch starts the server on s.port and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", s.DataDir(), "-p", strconv.Itoa(s.port))
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = spawn(cmd); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	for {
		if s.version, err = s.ask(ctx); err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("start postgres: it ended: %w; its log ends with:\n%s", s.process.err, s.logTail())
		case <-ctx.Done():
			s.end(syscall.SIGQUIT)
			return fmt.Errorf("start postgres: %w; last answer: %w", context.Cause(ctx), err)
		case <-probe.C:
		}
	}
}

// URL is the address of a database for the superuser, from this machine, without a password.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Version is the server's major version, such as 17.
func (s *Server) Version() int { return s.version }

// BinDir holds the server programs in use.
func (s *Server) BinDir() string { return s.bin }

// DataDir is the cluster: what a stand-by is copied from while the server is stopped.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// LogFile is where the server writes its log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "postgres.log") }

// Stop ends the server with a fast shutdown (sessions are cut, the cluster is
// left clean), waits for it, and removes a temporary folder. A shutdown that takes
// 10 seconds is cut short as by Kill: it waits for readers of the WAL, and one of
// them may be stuck. A second call does nothing.
func (s *Server) Stop() error {
	s.end(syscall.SIGINT)
	err := s.temp.remove()
	s.temp = nil
	return err
}

// Kill ends the server as a crash would: sessions are cut, nothing is written
// back, the next start has to recover. Restart brings it back.
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

// Restart stops the server if it runs and starts it again at the same address.
func (s *Server) Restart(ctx context.Context) error {
	s.end(syscall.SIGINT)
	return s.launch(ctx)
}

// end signals the server and waits until it is gone; it is content if it already was.
func (s *Server) end(signal syscall.Signal) {
	s.process.signal(signal)
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-s.process.done:
	case <-patience.C:
		s.process.signal(syscall.SIGQUIT)
		<-s.process.done
	}
}

// freePort is a port nobody listened on a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
