package api_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
)

// tocsin's own client of the Local API, as it is in the field, reads the list and reports.
func TestTocsinAsABouncer(t *testing.T) {
	w := found(t)
	a, b, c := w.join(), w.join(), w.join()
	w.listed("203.0.113.7", a, b, c)
	var table lookup.Table
	client, err := lapi.New(lapi.Config{
		URL: w.server.URL, Key: a.key, Interval: 100 * time.Millisecond,
		Machine: lapi.Machine{Name: a.login, Password: a.key},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- client.Run(ctx, &table) }()
	defer func() {
		cancel()
		<-done
	}()
	is := func(ip string, want lookup.Action) {
		t.Helper()
		w.until(ip+" "+want.String(), func() bool {
			d, _ := table.Lookup(netip.MustParseAddr(ip))
			return d.Action == want
		})
	}
	is("203.0.113.7", lookup.Ban)
	d, _ := table.Lookup(netip.MustParseAddr("203.0.113.7"))
	equal(t, "origin and reason", d.Origin+" "+d.Reason, "community ssh:bruteforce")
	w.listed("2001:db8:1:2::3", a, b, c)
	is("2001:db8:1:2:ffff::9", lookup.Ban)
	w.appeal("203.0.113.7")
	is("203.0.113.7", lookup.None)

	now := time.Now()
	taken, refused, err := client.Report(t.Context(), []event.Alert{
		{Scenario: "crowdsecurity/http-probing", Message: "m", Client: netip.MustParseAddr("198.51.100.9"), Start: now, Stop: now, Count: 11, Remediation: true, Action: lookup.Ban, Duration: time.Hour},
		{Scenario: "crowdsecurity/http-probing", Message: "m", Client: netip.MustParseAddr("10.0.0.1"), Start: now, Stop: now, Count: 11, Remediation: true},
	})
	equal(t, "reports", fmt.Sprint(taken, refused, err), "1 1 <nil>")
	if err := client.Heartbeat(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := client.Unban(t.Context(), lookup.Decision{Prefix: netip.MustParsePrefix("2001:db8:1:2::/64"), Action: lookup.Ban}); err == nil {
		t.Errorf("a member ended %d decisions of the community", n)
	}

	live, err := lapi.NewLive(lapi.LiveConfig{URL: w.server.URL, Key: b.key})
	if err != nil {
		t.Fatal(err)
	}
	got, found := live.Lookup(t.Context(), netip.MustParseAddr("2001:db8:1:2::77"))
	if !found || got.Action != lookup.Ban {
		t.Errorf("asked about one address: %+v %v", got, found)
	}
}

// CrowdSec's custom bouncer, from Debian, gets listings and their ends.
func TestRealCustomBouncer(t *testing.T) {
	if testing.Short() {
		t.Skip("the bouncer takes seconds")
	}
	w := found(t, func(cfg *apiConfig) { cfg.PerSecond = 100 })
	a, b, c := w.join(), w.join(), w.join()
	w.listed("203.0.113.7", a, b, c)
	calls := lapitest.CustomBouncer(t, w.server.URL, w.account(community.Reader).key)
	lines := func(want string) {
		t.Helper()
		w.until(want, func() bool { return strings.Contains(calls(), want) })
	}
	lines("add 203.0.113.7 ssh:bruteforce")
	w.listed("203.0.113.8", a, b, c)
	lines("add 203.0.113.8 ssh:bruteforce")
	w.appeal("203.0.113.7")
	lines("del 203.0.113.7")
}

// CrowdSec's command line tool, from Debian, logs in as a machine, reports a decision that is
// typed, and cannot end those of the community.
func TestRealCscli(t *testing.T) {
	if testing.Short() {
		t.Skip("each call of it takes a second")
	}
	w := found(t)
	a, b, c, member := w.join(), w.join(), w.join(), w.join()
	w.listed("203.0.113.7", a, b, c)
	cscli := lapitest.CscliAt(t, lapitest.Central{URL: w.server.URL, Login: member.login, Password: member.key})
	for _, row := range []struct{ command, want string }{
		{"decisions list", "No active decisions"}, // it lists alerts, of which a community has none
		{"alerts list", "No active alerts"},
		{"decisions add --ip 198.51.100.30 --duration 4h --reason test", "Decision successfully added"},
		{"decisions delete --ip 203.0.113.7", "a member cannot end the decisions of a community"},
	} {
		if out, err := cscli(strings.Fields(row.command)...); !strings.Contains(out, row.want) {
			t.Errorf("cscli %s: %q (%v); want %q", row.command, out, err, row.want)
		}
	}
	facts, err := w.centre.Facts(t.Context(), prefix("198.51.100.30"))
	if err != nil || len(facts.Reports) != 1 {
		t.Errorf("the typed decision: %+v (%v)", facts, err)
	}
	stranger := lapitest.CscliAt(t, lapitest.Central{URL: w.server.URL, Login: member.login, Password: "wrong"})
	if out, err := stranger("alerts", "list"); err == nil || !strings.Contains(out, "incorrect Username or Password") {
		t.Errorf("with a wrong password: %s (%v)", out, err)
	}
}

// A CrowdSec engine is a member with nothing but its credentials of the Central API changed: it
// logs in, sends signals, pulls the list, and removes entries that left it.
func TestRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("an engine sends its signals after half a minute")
	}
	w := found(t)
	a, b, c, member := w.join(), w.join(), w.join(), w.join()
	w.listed("203.0.113.7", a, b, c)
	w.listed("2001:db8:1:2::3", a, b, c)
	w.listed("203.0.113.8", a, b, c)
	w.listedFor(unsure, "203.0.113.9", a, b, c)
	w.listedFor(unsure, "203.0.113.10", a, b, c)

	e := engine{w, lapitest.RealOnline(t, lapitest.Central{URL: w.server.URL, Login: member.login, Password: member.key})}
	e.login()
	e.has("203.0.113.7", "CAPI ban ssh:bruteforce")
	e.has("2001:db8:1:2:ffff::1", "CAPI ban ssh:bruteforce")
	e.has("203.0.113.9", "lists captcha example-captcha")

	// What it sends: a decision that is typed, and an alert of an agent with all that agents
	// tell about a request.
	e.Ban("198.51.100.20", "4h")
	now := time.Now().UTC().Format(time.RFC3339)
	e.post("/v1/alerts", fmt.Sprintf(`[{%s"capacity":5,"events_count":6,"leakspeed":"10s","scenario":"crowdsecurity/http-probing","scenario_hash":"%s",
		"scenario_version":"0.4","simulated":false,"remediation":true,"start_at":%q,"stop_at":%[3]q,"source":{"scope":"Ip","value":"198.51.100.21","ip":"198.51.100.21"}}]`,
		agentsOwn(strings.Join(secrets, " ")), strings.Repeat("ab", 32), now), http.StatusCreated)
	reports := map[string]community.Report{}
	w.until("the engine's signals", func() bool {
		err := w.store.View(t.Context(), func(tx community.ReadTx) error {
			for _, ip := range []string{"198.51.100.20", "198.51.100.21"} {
				all, err := tx.Reports(prefix(ip))
				if err != nil {
					return err
				}
				for _, r := range all {
					reports[ip] = r
				}
			}
			return nil
		})
		return err == nil && len(reports) == 2
	})
	typed, alert := reports["198.51.100.20"], reports["198.51.100.21"]
	equal(t, "the typed decision", fmt.Sprint(typed.Scenario, " ", typed.Flags&community.Manual != 0), "manual/ban true")
	equal(t, "the alert", alert.Scenario+" "+alert.Hash, "crowdsecurity/http-probing "+strings.Repeat("ab", 32))
	noSecrets(t, "the store", fmt.Sprintf("%+v %+v", typed, alert))
	noSecrets(t, "the log", fmt.Sprintf("%+v", w.logs.All()))

	// What leaves the list leaves the engine at its next pull, two hours later.
	w.appeal("203.0.113.7")
	w.appeal("203.0.113.9")
	e.Stop()
	e.twoHoursLater()
	e.Restart()
	e.login()
	e.has("203.0.113.7", "")
	e.has("203.0.113.9", "")
	e.has("203.0.113.10", "lists captcha example-captcha")
	e.has("203.0.113.8", "CAPI ban ssh:bruteforce")
}

// agentsOwn are fields of an alert in which an agent tells what it saw.
func agentsOwn(secret string) string {
	quoted, _ := json.Marshal(secret)
	return strings.ReplaceAll(`"message":S,"events":[{"timestamp":"2026-11-30T10:00:00Z","meta":[{"key":"http_path","value":S}]}],"meta":[{"key":"target_uri","value":S}],`, "S", string(quoted))
}

// An engine is a real CrowdSec with the community as its Central API.
type engine struct {
	*town
	*lapitest.RealServer
}

func (e *engine) post(path, body string, want int, headers ...header) string {
	e.town.Helper()
	return e.ask("POST", path, body, want, headers...)
}

func (e *engine) ask(method, path, body string, want int, headers ...header) string {
	e.town.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, e.URL+path, strings.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	if path != "/v1/watchers/login" && method == "POST" {
		headers = append(headers, bearer(e.login()))
	}
	req.Header.Set("User-Agent", "crowdsec/v1.4.6")
	for _, h := range headers {
		req.Header.Set(h.name, h.value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		e.Fatalf("%s %s: %d %s (%v)", method, path, resp.StatusCode, b, err)
	}
	return string(b)
}

// login logs an agent with a scenario in, before which an engine does not pull.
func (e *engine) login() string {
	e.town.Helper()
	body := e.post("/v1/watchers/login", fmt.Sprintf(`{"machine_id":%q,"password":%q,"scenarios":["crowdsecurity/http-probing"]}`, e.Machine, e.Password), http.StatusOK)
	var p struct{ Token string }
	read(e.town, body, &p)
	return p.Token
}

// has waits until the engine has this decision about an address, or none.
func (e *engine) has(ip, want string) {
	e.town.Helper()
	e.until(ip+" is "+want, func() bool {
		var ds []struct{ Origin, Type, Scenario string }
		if json.Unmarshal([]byte(e.ask("GET", "/v1/decisions?ip="+ip, "", http.StatusOK, key(e.Key))), &ds) != nil {
			return false
		}
		var got []string
		for _, d := range ds {
			got = append(got, d.Origin+" "+d.Type+" "+d.Scenario)
		}
		return strings.Join(got, ", ") == want
	})
}

// twoHoursLater makes the engine believe that its last pull is as long ago. It must not run.
func (e *engine) twoHoursLater() {
	e.town.Helper()
	db, err := sql.Open("sqlite", e.Database())
	if err != nil {
		e.Fatal(err)
	}
	defer db.Close()
	past := time.Now().UTC().Add(-2 * time.Hour).Format("2006-01-02 15:04:05.999999999+00:00")
	if _, err := db.ExecContext(e.Context(), "UPDATE alerts SET created_at = ?", past); err != nil {
		e.Fatal(err)
	}
}
