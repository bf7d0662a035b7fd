package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
)

// L13: the next answer of each protocol, and the text, show what left the list.
func TestDelistingIsInAllOutputs(t *testing.T) {
	w := found(t)
	a, b, c := w.join(), w.join(), w.join()
	engine, old := w.token(a), w.token(b)
	const bad = "203.0.113.7"
	w.listed(bad, a, b, c)

	get := func(path string, who citizen, h ...header) string { return w.get(who, path, h...) }
	first := []string{
		get("/v1/decisions/stream?startup=true", a), get("/v3/decisions/stream?startup=true", a, engine),
		get("/v2/decisions/stream?startup=true", b, old), get("/api/v1/list", a), get("/lists/ban.txt", a),
	}
	for i, body := range first {
		if !strings.Contains(body, bad) {
			t.Errorf("output %d does not have it: %s", i, body)
		}
	}
	var l protocol.List
	read(t, first[3], &l)

	w.appeal(bad)
	equal(t, "Local API", get("/v1/decisions/stream", a)[:len(`{"new": [], "deleted": [{`)], `{"new": [], "deleted": [{`)
	if got := get("/v3/decisions/stream", a, engine); !strings.HasPrefix(got, `{"new":[],"deleted":[{"scope":"ip","decisions":["203.0.113.7"]}]`) {
		t.Errorf("Central API v3: %s", got)
	}
	var flat struct{ New, Deleted []map[string]any }
	read(t, get("/v2/decisions/stream", b, old), &flat)
	equal(t, "Central API v2", fmt.Sprint(len(flat.New), " ", short(flat.Deleted)), "0 ban 203.0.113.7")
	var delta protocol.List
	read(t, get(fmt.Sprint("/api/v1/list?after=", l.Seq), a), &delta)
	if len(delta.Items) != 1 || delta.Items[0].Prefix != bad+"/32" || delta.Items[0].Action != "none" {
		t.Errorf("tocsin's own: %+v", delta)
	}
	w.until("the text list", func() bool { return get("/lists/ban.txt", a) == "" })

	// A reader that starts anew also learns this: it may have been away.
	for _, body := range []string{get("/v1/decisions/stream?startup=true", c), get("/v3/decisions/stream?startup=true", c, w.token(c))} {
		deleted := body[strings.Index(body, `"deleted"`):]
		if strings.Contains(body[:len(body)-len(deleted)], bad) || !strings.Contains(deleted, bad) {
			t.Errorf("a startup after it: %s", body)
		}
	}
	// The centre notes the reader, under a name that is not the member's.
	w.until("cursors", func() bool {
		seq, ok, err := w.centre.CursorOf(t.Context(), "central "+a.login)
		return err == nil && ok && seq == delta.Seq
	})
}

// L14: whatever is read of the list ends in 168 hours at most.
func TestEverythingEnds(t *testing.T) {
	d := open(t)
	c := d.centre
	for i, last := range []time.Duration{time.Hour, 168 * time.Hour, 5000 * time.Hour} { // the last by a centre that errs
		for _, ip := range []string{"192.0.2.%d", "198.51.100.%d"} {
			action := 2 - i%2
			c.put(fmt.Sprintf(ip, i), consensus.Remediation(action), last)
		}
	}
	token := bearer(d.token("member"))
	most := 168 * time.Hour
	durations := 0
	for _, target := range []string{
		"/v1/decisions/stream?startup=true", "/v1/decisions", "/v2/decisions/stream?startup=true", "/v3/decisions/stream?startup=true",
		"/v1/decisions/stream", "/v3/decisions/stream",
	} {
		who := token
		if strings.HasPrefix(target, "/v1") {
			who = key("member-key")
		}
		if !strings.Contains(target, "startup") {
			for reader := range c.cursors {
				c.cursors[reader] = 0
			}
		}
		for _, part := range strings.Split(d.body(d.get(target, who)), `"duration":"`)[1:] {
			text, _, _ := strings.Cut(part, `"`)
			left, err := time.ParseDuration(text)
			if err != nil || left > most {
				t.Errorf("%s: %s (%v)", target, text, err)
			}
			durations++
		}
	}
	if durations < 30 {
		t.Errorf("only %d durations were seen", durations)
	}
	for _, target := range []string{"/api/v1/list", "/api/v1/list?after=0"} {
		var l protocol.List
		read(t, d.body(d.get(target, token)), &l)
		for _, e := range l.Items {
			if e.Until.After(start.Add(most)) {
				t.Errorf("%s: %+v", target, e)
			}
		}
		equal(t, target, len(l.Items), 6)
	}
	for _, format := range []string{"ipset", "nft", "mikrotik"} {
		for line := range strings.Lines(d.body(d.get("/lists/ban.txt?format="+format, token))) {
			_, rest, _ := strings.Cut(line, "timeout")
			var n int
			if _, err := fmt.Sscanf(strings.TrimLeft(rest, " ="), "%d", &n); err != nil || n > 168*3600 {
				t.Errorf("%s: %q", format, line)
			}
		}
	}
}

// secrets are what must not get in.
var secrets = []string{"s3cret", "/wp-admin/hidden", "intranet.example", "Mozilla/5.0", "bob@example.org", "token=abc"}

// leaky adds fields with secrets to a signal or an alert.
func leaky(extra string) string {
	quoted, _ := json.Marshal(extra)
	return strings.NewReplacer("EXTRA", string(quoted)).Replace(`"message":EXTRA,"context":[{"key":"target_uri","value":EXTRA}],"machine_id":EXTRA,
		"uuid":EXTRA,"scenario_version":EXTRA,"labels":[EXTRA],"meta":[{"key":"http_path","value":EXTRA}],"path":EXTRA,"host":EXTRA,"user_agent":EXTRA,"query":EXTRA,"body":EXTRA,
		"events":[{"timestamp":EXTRA,"meta":[{"key":"http_user_agent","value":EXTRA}]}],"decisions":[{"origin":"crowdsec","type":EXTRA,"scenario":EXTRA,"value":EXTRA}],`)
}

// L01: nothing but what a signal has reaches the store, the answers or the log, whatever else a
// member sends.
func FuzzNothingElseGetsIn(f *testing.F) {
	for _, s := range secrets {
		f.Add(s)
	}
	f.Add("crowdsecurity/http-probing")
	f.Add("203.0.113.7")
	f.Fuzz(func(t *testing.T, extra string) {
		d := open(t)
		token := bearer(d.token("member"))
		fields := leaky(extra)
		alert := strings.Replace(anAlert, `{"scenario"`, "{"+fields+`"scenario"`, 1)
		alert = strings.Replace(strings.Replace(alert, `"message":"m",`, "", 1), `"scenario_version":"",`, "", 1)
		alert = strings.Replace(alert, `"events":[],`, "", 1)
		signal := strings.Replace(someSignals, `{"address"`, "{"+fields+`"address"`, 1)
		for target, body := range map[string]string{"/v1/alerts": alert, "/v3/signals": alert, "/v2/signals": alert, "/api/v1/signals": signal} {
			status(t, target, d.do("POST", target, body, token), map[bool]int{true: 201, false: 200}[target == "/v1/alerts"])
		}
		equal(t, "signals", len(d.centre.accepted), 4)
		for _, s := range d.centre.accepted {
			if s.Scenario != "crowdsecurity/ssh-bf" && s.Scenario != "crowdsecurity/http-probing" || s.Hash != "" || s.Unit != prefix("203.0.113.7") {
				t.Errorf("a signal has something else: %+v", s)
			}
		}
		for _, line := range d.logs.All() {
			t.Errorf("the log: %+v", line)
		}
	})
}

// L01: a scenario is a name, and nothing that looks like a path gets in by it, nor by any other
// field of a signal.
func FuzzFieldsOfSignals(f *testing.F) {
	f.Add("crowdsecurity/http-probing", "", "203.0.113.7")
	f.Add("a/b?q=1", "s3cret", "203.0.113.7/s3cret")
	f.Add("manual 'ban' from 'bob@example.org'", strings.Repeat("ab", 32), "2001:db8::1%s3cret")
	f.Fuzz(func(t *testing.T, scenario, hash, value string) {
		d := open(t)
		token := bearer(d.token("member"))
		alert, _ := json.Marshal([]map[string]any{{
			"scenario": scenario, "scenario_hash": hash, "start_at": "2026-11-30T09:58:00Z", "stop_at": "2026-11-30T09:59:00Z",
			"source": map[string]string{"scope": "Ip", "value": value},
		}})
		signal, _ := json.Marshal(map[string]any{"signals": []map[string]any{{
			"address": value, "scenario": scenario, "hash": hash, "count": 1, "first": "2026-11-30T09:58:00Z", "last": "2026-11-30T09:59:00Z",
		}}})
		status(t, "an alert", d.do("POST", "/v1/alerts", string(alert), token), 201)
		w := d.do("POST", "/api/v1/signals", string(signal), token)
		status(t, "a signal", w, 200)
		for _, s := range d.centre.accepted {
			if strings.Count(s.Scenario, "/") != 1 || strings.ContainsAny(s.Scenario, " ?=&%@:#\\\n'\"<>") || len(s.Scenario) > 128 ||
				s.Hash != "" && (len(s.Hash) != 64 || strings.Trim(s.Hash, "0123456789abcdef") != "") ||
				s.Unit.Bits() != s.Unit.Addr().BitLen() && s.Unit.Bits() != 64 || s.Unit.Addr().Zone() != "" {
				t.Errorf("let in: %+v", s)
			}
		}
		if len(scenario) > 40 && len(d.centre.accepted) == 0 && strings.Contains(w.Body.String(), scenario) {
			t.Errorf("the answer repeats what was refused: %s", w.Body)
		}
	})
}

// A signal has no field in which anything else could be kept.
func TestSignalHasOnlyTheseFields(t *testing.T) {
	var names []string
	for f := range reflect.TypeFor[community.Signal]().Fields() {
		names = append(names, f.Name)
	}
	equal(t, "fields", strings.Join(names, " "), "Unit Scenario Hash First Last Count Flags")
}

// L01 with the real centre: all that it stored and logged of a signal with secrets.
func TestStoreHasNoSecrets(t *testing.T) {
	w := found(t)
	a := w.join()
	token := w.token(a)
	now := time.Now().UTC().Format(time.RFC3339)
	alert := fmt.Sprintf(`[{%s"scenario":"crowdsecurity/http-probing","scenario_hash":"","events_count":6,"start_at":%q,"stop_at":%[2]q,"source":{"scope":"Ip","value":"203.0.113.7","as_name":"s3cret"}}]`,
		leaky(strings.Join(secrets, " ")), now)
	if code, body := w.do(a, "POST", "/v3/signals", alert, token); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	err := w.store.View(t.Context(), func(tx community.ReadTx) error {
		reports, err := tx.ReportsAfter(0, 10)
		if len(reports) != 1 {
			t.Errorf("%d reports", len(reports))
		}
		record, _ := tx.Record(prefix("203.0.113.7"))
		audit, _ := tx.Audit(0, 100)
		members, _ := tx.Members()
		noSecrets(t, "the store", fmt.Sprintf("%+v %+v %+v %+v", reports, record, audit, members))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	noSecrets(t, "the log", fmt.Sprintf("%+v", w.logs.All()))
}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%s has %q: %.500s", where, s, text)
		}
	}
}
