package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/httpserver"
	"rollcall/internal/pgtest"
)

// watchable gives the program an address for metrics.
func (w *inside) watchable() {
	w.config.Metrics = config.Metrics{Listen: "127.0.0.1:0", Every: time.Second}
}

var servedAt = regexp.MustCompile(`msg="serving metrics" address=([0-9.]+:[0-9]+)`)

// get asks the program that has logged where it can be asked.
func get(log, path string) (status int, body string) {
	found := servedAt.FindAllStringSubmatch(log, -1)
	if len(found) == 0 {
		return 0, ""
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + found[len(found)-1][1] + path)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(text)
}

// value is one series of a scrape; -1: it is not there.
func value(scrape, series string) float64 {
	for line := range strings.Lines(scrape) {
		if name, number, found := strings.Cut(strings.TrimSpace(line), series+" "); found && name == "" {
			if v, err := strconv.ParseFloat(number, 64); err == nil {
				return v
			}
		}
	}
	return -1
}

// A change is seen on its way, from the stream to the confirmation, and the process
// says when it does its job.
func TestMetricsFollowAChange(t *testing.T) {
	t.Parallel()
	w := newInside(t, "metrics", fillSmall, false)
	w.watchable()
	w.must(t, w.connectInside(t.Context()))
	w.run(t)
	wait(t, "readiness", func() bool { status, _ := get(w.raw.String(), "/readyz"); return status == http.StatusOK })
	_, body := get(w.raw.String(), "/readyz")
	var report httpserver.Report
	if err := json.Unmarshal([]byte(body), &report); err != nil || len(report.Checks) != 4 || len(report.Notes) != 0 {
		t.Errorf("ready says %s (%v)", body, err)
	}
	w.exec(t, "update chamber.rep set job_title = 'Treasurer', email = 'treasurer@example.org' where rep_id = (select min(rep_id) from chamber.rep where active and email is not null)")
	const confirmed = `rollcall_ops_total{kind="add",outcome="confirmed"}`
	scrape := ""
	wait(t, "a confirmed change", func() bool {
		_, scrape = get(w.raw.String(), "/metrics")
		return value(scrape, confirmed) > 0 && value(scrape, "rollcall_commit_to_confirmed_seconds_count") > 0 &&
			value(scrape, `rollcall_oldest_unapplied_seconds{association="1"}`) == 0 && value(scrape, `rollcall_position_lag_bytes{position="applied"}`) >= 0
	})
	captured := map[string]float64{"rollcall_slot_active": 1, `rollcall_slot_wal_status{status="reserved"}`: 1}
	if pgtest.ByTriggers() {
		captured = map[string]float64{"rollcall_log_present": 1, "rollcall_log_bytes": 1, "rollcall_log_oldest_row_seconds": 0}
	}
	for series, least := range captured {
		if got := value(scrape, series); got < least {
			t.Errorf("%s is %v, want at least %v", series, got, least)
		}
	}
	for series, least := range map[string]float64{
		"rollcall_changes_total": 1, "rollcall_touched_keys_total": 1, "rollcall_stream_open": 1,
		`rollcall_lease_held{lease="api_key/main"}`:                                                                            1,
		`rollcall_connection_state{association="1",state="connected"}`:                                                         1,
		`rollcall_api_requests_total{code="201",endpoint="POST /activities/contacts_json_import",operation="import_contacts"}`: 1,
		`rollcall_api_budget_remaining_calls{api_key="main",window="day"}`:                                                     9000, `rollcall_position_bytes{position="received"}`: 1,
		`rollcall_position_bytes{position="durable"}`: 1, `rollcall_position_bytes{position="applied"}`: 1,
		"rollcall_consent_read_age_seconds_count": 1, `rollcall_token_expiry_timestamp_seconds{association="1"}`: 1, "go_goroutines": 1,
	} {
		if got := value(scrape, series); got < least {
			t.Errorf("%s is %v, want at least %v", series, got, least)
		}
	}
	if got := value(scrape, "rollcall_commit_to_confirmed_seconds_sum"); got <= 0 || got > 600 {
		t.Errorf("the changes took %v s together", got)
	}
	if trace := isTrace(scrape); trace != "" {
		t.Errorf("the metrics have a trace: %s", trace)
	}
}

// An address that somebody chose and that cannot be had ends the start.
func TestMetricsAddressIsTaken(t *testing.T) {
	t.Parallel()
	w := newInside(t, "metrics", fillSmall, false)
	w.config.Metrics.Listen = w.address // the simulator's
	a, err := app.New(t.Context(), w.config, w.log, w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "metrics.listen") {
		t.Errorf("started with %v", err)
	}
}
