package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A pulled answer is one of the stream, as short as tests need it.
type pulled struct{ New, Deleted []map[string]any }

func short(ds []map[string]any) string {
	var all []string
	for _, d := range ds {
		all = append(all, fmt.Sprint(d["type"], " ", d["value"]))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (d *door) pull(query string, headers ...header) pulled {
	d.t.Helper()
	var p pulled
	read(d.t, d.body(d.get("/v1/decisions/stream"+query, append([]header{key("reader-key")}, headers...)...)), &p)
	return p
}

func (d *door) expect(what string, p pulled, added, deleted string) {
	d.t.Helper()
	equal(d.t, what+": new", short(p.New), added)
	equal(d.t, what+": deleted", short(p.Deleted), deleted)
}

func TestLocalStreamFormat(t *testing.T) {
	d := open(t)
	equal(t, "an empty list", d.body(d.get("/v1/decisions/stream?startup=true", key("reader-key"))), `{"new": [], "deleted": []}`)
	fill(d.centre)
	d.centre.pass(time.Second)
	want := `{"new": [{"duration":"167h59m29s","id":1,"origin":"community","scenario":"http:bruteforce","scope":"Ip","type":"ban","value":"192.0.2.1"},` +
		`{"duration":"1h59m29s","id":1,"origin":"community","scenario":"http:scan","scope":"Ip","type":"captcha","value":"192.0.2.2"},` +
		`{"duration":"23h59m59s","id":1,"origin":"community","scenario":"community","scope":"Range","type":"ban","value":"2001:db8::/64"},` +
		`{"duration":"59m29s","id":1,"origin":"community","scenario":"ssh:bruteforce","scope":"Ip","type":"ban","value":"192.0.2.5"}], "deleted": []}`
	got := d.body(d.get("/v1/decisions/stream?startup=true", key("reader-key")))
	equal(t, "the whole list", sameIDs(t, got), want)
	equal(t, "a delta after it", d.body(d.get("/v1/decisions/stream", key("reader-key"))), `{"new": [], "deleted": []}`)
}

// sameIDs replaces the ids, which must differ, be positive, and fit into 53 bits.
func sameIDs(t *testing.T, body string) string {
	t.Helper()
	seen := map[string]bool{}
	parts := strings.Split(body, `"id":`)
	for i, p := range parts[1:] {
		id, rest, _ := strings.Cut(p, ",")
		var n int64
		if json.Unmarshal([]byte(id), &n) != nil || n < 1 || n >= 1<<53 || seen[id] {
			t.Errorf("the id %s", id)
		}
		seen[id] = true
		parts[i+1] = "1," + rest
	}
	return strings.Join(parts, `"id":`)
}

// CrowdSec 1.4.6 and the bouncers of its time read each of these fields without a check, and
// fail if one is missing. They know the two scopes only in this spelling, and read a duration
// by Go's rules.
func TestProgramsOfCrowdSec146ReadEachDecision(t *testing.T) {
	type decision struct{ Duration, Origin, Scenario, Scope, Type, Value *string }
	d := open(t)
	fill(d.centre)
	engine := bearer(d.token("member"))
	for _, row := range []struct {
		target  string
		header  header
		decided int
	}{
		{"/v1/decisions/stream?startup=true", key("reader-key"), 4},
		{"/v1/decisions/stream?startup=true&scopes=ip,range", key("reader-key"), 4},
		{"/v2/decisions/stream?startup=true", engine, 4},
	} {
		var p struct{ New, Deleted *[]decision }
		read(t, d.body(d.get(row.target, row.header)), &p)
		if p.New == nil || p.Deleted == nil || len(*p.New) != row.decided {
			t.Errorf("%s: %+v; want %d decisions", row.target, p, row.decided)
			continue
		}
		for _, got := range *p.New {
			if got.Duration == nil || got.Origin == nil || got.Scenario == nil || got.Scope == nil || got.Type == nil || got.Value == nil {
				t.Errorf("%s: a field is missing: %+v", row.target, got)
				continue
			}
			if left, err := time.ParseDuration(*got.Duration); err != nil || left <= 0 {
				t.Errorf("%s: duration %q", row.target, *got.Duration)
			}
			if *got.Scope != "Ip" && *got.Scope != "Range" {
				t.Errorf("%s: scope %q", row.target, *got.Scope)
			}
		}
	}
}

// CrowdSec 1.4.6 lost changes by HEAD: it moved the cursor.
func TestACheckOfTheKeyLosesNoChange(t *testing.T) {
	d := open(t)
	d.pull("?startup=true")
	d.centre.put("192.0.2.1", consensus.Ban, time.Hour)
	status(t, "a check", d.do("HEAD", "/v1/decisions/stream", "", key("reader-key")), 200)
	d.expect("after it", d.pull(""), "ban 192.0.2.1", "")
}

func TestLocalDeltas(t *testing.T) {
	d := open(t)
	c := d.centre
	c.put("192.0.2.1", consensus.Ban, time.Hour)
	d.expect("a first delta is the whole list", d.pull(""), "ban 192.0.2.1", "")
	d.expect("nothing new", d.pull(""), "", "")
	c.put("192.0.2.2", consensus.Captcha, time.Hour)
	d.expect("one more", d.pull(""), "captcha 192.0.2.2", "")
	c.put("192.0.2.1", consensus.Ban, 2*time.Hour)
	d.expect("a longer one", d.pull(""), "ban 192.0.2.1", "")
	c.put("192.0.2.2", consensus.Ban, time.Hour)
	d.expect("a captcha that becomes a ban", d.pull(""), "ban 192.0.2.2", "captcha 192.0.2.2")
	c.put("192.0.2.2", consensus.Captcha, time.Hour)
	c.put("192.0.2.1", consensus.Allow, 0)
	c.put("192.0.2.3", consensus.Ban, time.Hour)
	c.put("192.0.2.3", consensus.Allow, 0)
	d.expect("several", d.pull(""), "captcha 192.0.2.2", "ban 192.0.2.1, ban 192.0.2.2")
	c.put("2001:db8::/64", consensus.Ban, time.Hour)
	d.expect("a /64", d.pull(""), "ban 2001:db8::/64", "")

	d.centre.purged = len(c.changes)
	c.put("192.0.2.4", consensus.Ban, time.Hour)
	d.expect("when nobody knows what changed", d.pull("?x=1"), "ban 192.0.2.4", "")
}

// A key that is used in two networks has two cursors, as with CrowdSec since 1.6.5.
func TestCursorOfANetwork(t *testing.T) {
	d := open(t, func(cfg *apiConfig) { cfg.ClientIP = clientOf })
	at := func(ip string) header { return header{"X-Client", ip} }
	d.centre.put("192.0.2.1", consensus.Ban, time.Hour)
	d.pull("?startup=true", at("198.51.100.1"))
	d.pull("?startup=true", at("203.0.113.9"))
	d.pull("?startup=true", at("2001:db8::1"))
	d.centre.put("192.0.2.2", consensus.Ban, time.Hour)
	for _, ip := range []string{"198.51.100.1", "203.0.113.9", "2001:db8::9"} {
		d.expect(ip, d.pull("", at(ip)), "ban 192.0.2.2", "")
	}
	for reader := range d.centre.cursors {
		if strings.Contains(reader, "198.51") || strings.Contains(reader, "2001") {
			t.Errorf("the name of a reader has its address: %s", reader)
		}
	}
	for i := range 1000 {
		d.pull("", at(fmt.Sprintf("198.51.%d.%d", i/256, i%256)))
	}
	if n := len(d.centre.cursors); n > 256 {
		t.Errorf("one key has %d cursors", n)
	}
}

func TestLocalFilters(t *testing.T) {
	d := open(t)
	fill(d.centre)
	const all = "ban 192.0.2.1, ban 192.0.2.5, ban 2001:db8::/64, captcha 192.0.2.2"
	for query, want := range map[string]string{
		"":                                     all,
		"&dedup=false":                         all,
		"&community_pull=false":                all,
		"&scopes=ip":                           "ban 192.0.2.1, ban 192.0.2.5, captcha 192.0.2.2",
		"&scopes=Range":                        "ban 2001:db8::/64",
		"&scopes=ip,range,country,as":          all,
		"&scopes=country":                      "",
		"&scope=ip":                            "ban 192.0.2.1, ban 192.0.2.5, captcha 192.0.2.2",
		"&scope=country":                       "",
		"&origins=community":                   all,
		"&origins=crowdsec,community":          all,
		"&origins=crowdsec":                    "",
		"&origins=Community":                   "",
		"&type=ban":                            "ban 192.0.2.1, ban 192.0.2.5, ban 2001:db8::/64",
		"&value=192.0.2.5":                     "ban 192.0.2.5",
		"&scenarios_containing=SSH":            "ban 192.0.2.5",
		"&scenarios_containing=ssh,scan":       "ban 192.0.2.5, captcha 192.0.2.2",
		"&scenarios_not_containing=bruteforce": "ban 2001:db8::/64, captcha 192.0.2.2",
		"&ip=192.0.2.5":                        "ban 192.0.2.5",
		"&range=192.0.2.0/30&contains=false":   "ban 192.0.2.1, captcha 192.0.2.2",
		"&ip=2001:db8::77":                     "ban 2001:db8::/64",
	} {
		d.expect(query, d.pull("?startup=true"+query), want, "")
	}
	d.centre.pass(time.Minute)
	d.centre.put("192.0.2.1", consensus.Allow, 0)
	d.centre.put("2001:db8::/64", consensus.Allow, 0)
	d.expect("deletions of some scopes", d.pull("?scopes=ip"), "", "ban 192.0.2.1")
	for _, query := range []string{"contains=banana", "ip=banana", "range=1.2.3.4/99"} {
		status(t, query, d.get("/v1/decisions/stream?"+query, key("reader-key")), 400)
		status(t, query, d.get("/v1/decisions?"+query, key("reader-key")), 400)
	}
}

func TestLocalQueries(t *testing.T) {
	d := open(t)
	fill(d.centre)
	for query, want := range map[string]string{
		"?ip=192.0.2.1":                      "ban 192.0.2.1",
		"?ip=::ffff:192.0.2.1":               "ban 192.0.2.1",
		"?ip=2001:db8::1234":                 "ban 2001:db8::/64",
		"?ip=192.0.2.2&type=ban":             "",
		"?range=192.0.2.1/32":                "ban 192.0.2.1",
		"?range=2001:db8::/65":               "ban 2001:db8::/64",
		"?range=192.0.2.0/24":                "", // nothing contains it
		"?range=192.0.2.0/30&contains=false": "ban 192.0.2.1, captcha 192.0.2.2",
		"?ip=192.0.2.3":                      "", // only on the list of Tor
		"?scope=ip&value=192.0.2.5":          "ban 192.0.2.5",
		"":                                   "ban 192.0.2.1, ban 192.0.2.5, ban 2001:db8::/64, captcha 192.0.2.2",
	} {
		body := d.body(d.get("/v1/decisions"+query, key("reader-key")))
		if want == "" {
			equal(t, query, body, "null")
			continue
		}
		var ds []map[string]any
		read(t, body, &ds)
		equal(t, query, short(ds), want)
	}
	d.centre.pass(3 * time.Hour)
	equal(t, "what has ended", d.body(d.get("/v1/decisions?ip=192.0.2.2", key("reader-key"))), "null")
}

// A reader that starts anew gets entries that left the list early: it may still have them.
// Entries that ended in time have also ended at the reader.
func TestDeparted(t *testing.T) {
	d := open(t)
	c := d.centre
	c.put("192.0.2.1", consensus.Ban, 168*time.Hour)
	c.put("192.0.2.2", consensus.Ban, time.Hour)
	c.put("192.0.2.3", consensus.Captcha, 48*time.Hour)
	c.put("192.0.2.4", consensus.Ban, 48*time.Hour)
	c.put("192.0.2.5", consensus.Ban, 48*time.Hour)
	c.pass(2 * time.Hour)
	c.put("192.0.2.1", consensus.Allow, 0)
	c.put("192.0.2.2", consensus.Allow, 0)
	c.put("192.0.2.3", consensus.Ban, 48*time.Hour)
	c.put("192.0.2.4", consensus.Captcha, 48*time.Hour)
	d.expect("at first", d.pull("?startup=true"), "ban 192.0.2.3, ban 192.0.2.5, captcha 192.0.2.4", "ban 192.0.2.1, ban 192.0.2.4, captcha 192.0.2.3")
	c.pass(time.Hour)
	c.put("192.0.2.5", consensus.Allow, 0)
	c.put("192.0.2.1", consensus.Ban, time.Hour)
	d.expect("what came back", d.pull("?startup=true"), "ban 192.0.2.1, ban 192.0.2.3, captcha 192.0.2.4", "ban 192.0.2.4, ban 192.0.2.5, captcha 192.0.2.3")
	c.pass(169 * time.Hour)
	d.expect("a week later", d.pull("?startup=true"), "", "")

	again := openAt(t, c)
	again.expect("after a restart", again.pull("?startup=true"), "", "")
	c.put("192.0.2.7", consensus.Ban, 48*time.Hour)
	c.put("192.0.2.7", consensus.Allow, 0)
	c.purged = 4
	third := openAt(t, c)
	third.expect("after a purge and a restart", third.pull("?startup=true"), "", "ban 192.0.2.7")
}

func TestUsageMetrics(t *testing.T) {
	d := open(t)
	for body, want := range map[string]int{
		usage: 201,
		`{"remediation_components":null,"log_processors":[{"version":"v1","utc_startup_timestamp":1}]}`: 201,
		`{}`:                                   400,
		`x`:                                    400,
		`{"remediation_components":[{},{}]}`:   400,
		`{"remediation_components":[{}]}`:      422,
		`{"remediation_components":{"a":"b"}}`: 400,
		`{"remediation_components":[{"version":"v1"}]}`: 422,
	} {
		status(t, body, d.do("POST", "/v1/usage-metrics", body, key("reader-key")), want)
	}
}

func TestAllowlists(t *testing.T) {
	d := open(t)
	token := bearer(d.token("member"))
	equal(t, "lists", d.body(d.get("/v1/allowlists?with_content=true", token)), "[]")
	equal(t, "a check", d.body(d.get("/v1/allowlists/check/10.0.0.0%2F8", token)), "{}")
	equal(t, "a short check", d.do("HEAD", "/v1/allowlists/check/192.0.2.1", "", token).Code, 204)
	equal(t, "a check of many", d.body(d.do("POST", "/v1/allowlists/check", `{"targets":["192.0.2.1"]}`, token)), `{"results":[]}`)
}
