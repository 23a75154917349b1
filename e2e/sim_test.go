package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
)

// The simulator answers where it says it does, and ends when it is asked to.
func TestSimulatorAlone(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), path, "sim", "--listen", address, "--token", "a-token")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status := func(path, token string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("User-Agent", "rollcall test")
		answer, err := client.Do(request)
		if err != nil {
			return 0
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	wait(t, "the simulator", func() bool { return status("/_sim/counts", "") == http.StatusOK })
	if got := status("/v3/contact_lists", "a-token"); got != http.StatusOK {
		t.Errorf("lists: %d", got)
	}
	if got := status("/v3/contact_lists", "another"); got != http.StatusUnauthorized {
		t.Errorf("lists with another token: %d", got)
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Errorf("planned stop: %v", err)
	}
}
