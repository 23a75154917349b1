package localpg_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/localpg"
)

// orphanMaker, when set, makes this test program a process that is killed while
// its server runs.
const orphanMaker = "LOCALPG_TEST_ORPHAN"

// abandonServer starts a server, prints its address and waits to be killed.
func abandonServer() {
	s, err := localpg.Start(context.Background(), localpg.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.URL("postgres"))
	<-make(chan struct{})
}

func TestServerDiesWithAKilledProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere a server outlives a killed process, as the package says
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	parent := exec.CommandContext(ctx, program)
	parent.Env = append(os.Environ(), orphanMaker+"=1", "TMPDIR="+openFolder(t)) // of which it leaves the server's folder
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("no server was started: %v, %v", lines.Err(), parent.Wait())
	}
	conn, err := pgconn.Connect(ctx, lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed: an error
	if _, err := conn.Exec(ctx, "select pg_sleep(60)").ReadAll(); err == nil {
		t.Error("a session went on after its server's owner was killed")
	}
	address := conn.Conn().RemoteAddr().String()
	for again := time.NewTicker(20 * time.Millisecond); ; {
		listening, err := net.Dial("tcp", address)
		if err != nil {
			again.Stop()
			return
		}
		listening.Close()
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("the server still listens")
		}
	}
}
