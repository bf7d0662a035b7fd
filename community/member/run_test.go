package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestTheTableFollowsTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, table := new(centre), new(lookup.Table)
		hour := time.Now().Add(time.Hour)
		c.list("203.0.113.1", "ban", hour)
		c.list("2001:db8:1:2::/64", "captcha", hour)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		m := c.join(t)
		go func() { done <- m.Run(ctx, table) }()
		for _, step := range []struct {
			name string
			do   func()
			want []string
		}{
			{"the whole list", func() {}, []string{
				"2001:db8:1:2::/64 captcha community http:bruteforce", "203.0.113.1/32 ban community http:bruteforce",
			}},
			{"a new one, and a captcha that becomes a ban", func() {
				c.list("203.0.113.2", "captcha", hour)
				c.list("2001:db8:1:2::/64", "ban", hour)
			}, []string{
				"2001:db8:1:2::/64 ban community http:bruteforce", "203.0.113.1/32 ban community http:bruteforce", "203.0.113.2/32 captcha community http:bruteforce",
			}},
			{"a ban that becomes a captcha, one that goes, and one that comes and goes", func() {
				c.list("203.0.113.1", "captcha", hour)
				c.list("2001:db8:1:2::/64", "none", hour)
				c.list("203.0.113.3", "ban", hour)
				c.list("203.0.113.3", "none", hour)
			}, []string{"203.0.113.1/32 captcha community http:bruteforce", "203.0.113.2/32 captcha community http:bruteforce"}},
			{"the centre has started anew, with older numbers", func() {
				c.set(func(c *centre) {
					c.seq, c.changes = 1, []protocol.Entry{{}}
					c.listed = []protocol.Entry{{Prefix: "203.0.113.9", Action: "ban", Until: hour, Behaviour: "http:scan"}}
				})
			}, []string{"203.0.113.9/32 ban community http:scan"}},
		} {
			step.do()
			<-time.After(time.Minute)
			synctest.Wait()
			if got := decisions(table); !slices.Equal(got, step.want) {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
		}
		if s := m.Status(); s.Err != nil || s.Synced.IsZero() || s.Stale != 10*time.Minute {
			t.Errorf("status %+v", s)
		}
		<-time.After(30 * time.Minute)
		if n := c.did("GET /api/v1/list?after="); n < 30 || n > 40 {
			t.Errorf("%d questions for changes in 34 minutes", n)
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func TestEachDecisionEndsAtItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, table := new(centre), new(lookup.Table)
		now := time.Now()
		c.list("203.0.113.1", "ban", now.Add(time.Hour))
		c.list("203.0.113.2", "ban", now.Add(-time.Second))
		c.list("203.0.113.3", "ban", now.Add(1000*time.Hour))
		f := polled(t, c.join(t), table)
		if _, ok := table.Lookup(netip.MustParseAddr("203.0.113.2")); ok {
			t.Error("an entry that has ended is enforced")
		}
		if d, _ := table.Lookup(netip.MustParseAddr("203.0.113.3")); d.Until.Sub(now) > 168*time.Hour || d.Until.Sub(now) < 167*time.Hour {
			t.Errorf("an entry of 1,000 hours lasts %v", d.Until.Sub(now))
		}
		if n := f.Counts()["entries_cut"]; n != 1 {
			t.Errorf("%d entries cut, want 1", n)
		}
		<-time.After(time.Hour)
		if d, ok := table.Lookup(netip.MustParseAddr("203.0.113.1")); ok {
			t.Errorf("still %v", d)
		}
	})
}

// The whole list comes again now and then, and brings back what the changes missed.
func TestTheWholeListIsAskedForEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, table := new(centre), new(lookup.Table)
		hours := time.Now().Add(3 * time.Hour)
		c.list("203.0.113.1", "ban", hours)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		m := c.join(t)
		ended := make(chan error)
		go func() { ended <- m.Run(ctx, table) }()
		synctest.Wait()
		c.set(func(c *centre) {
			c.listed = []protocol.Entry{{Prefix: "203.0.113.7", Action: "captcha", Until: hours, Behaviour: "http:scan"}}
		})
		<-time.After(61 * time.Minute)
		synctest.Wait()
		if got := decisions(table); !slices.Equal(got, []string{"203.0.113.7/32 captcha community http:scan"}) {
			t.Errorf("after an hour %q", got)
		}
		before := c.did("GET /api/v1/list")
		m.Sync()
		synctest.Wait()
		if c.did("GET /api/v1/list") != before+1 {
			t.Error("Sync did not ask at once")
		}
		stop()
		<-ended
	})
}

// A pass is void if the decision about its client begins anew.
func TestARenewedCaptchaDoesNotBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, table := new(centre), new(lookup.Table)
		c.list("203.0.113.1", "captcha", time.Now().Add(time.Hour))
		f := polled(t, c.join(t), table)
		first, _ := table.Lookup(netip.MustParseAddr("203.0.113.1"))
		<-time.After(10 * time.Minute)
		c.list("203.0.113.1", "captcha", time.Now().Add(2*time.Hour))
		f.poll(t.Context())
		again, _ := table.Lookup(netip.MustParseAddr("203.0.113.1"))
		if !again.Since.Equal(first.Since) || !again.Until.After(first.Until) {
			t.Errorf("%+v, want the beginning of %+v and a later end", again, first)
		}
	})
}

// An empty or much smaller list removes nothing, until it has come three times.
func TestAShortListWipesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hour := time.Now().Add(time.Hour)
		for _, row := range []struct {
			name  string
			had   int
			sizes []int // of the answers that follow
			want  int   // decisions then
		}{
			{"empty, once", 20, []int{0}, 20},
			{"empty, twice", 20, []int{0, 0}, 20},
			{"empty, three times: it is meant", 20, []int{0, 0, 0}, 0},
			{"a little smaller", 20, []int{15}, 15},
			{"much smaller, and then whole again", 20, []int{3, 3, 20}, 20},
			{"different each time", 40, []int{0, 9, 0, 9, 0}, 40},
			{"a few may go at once", 10, []int{0}, 0},
		} {
			c, table := new(centre), new(lookup.Table)
			for _, ip := range addresses(row.had) {
				c.list(ip, "ban", hour)
			}
			whole := c.listed
			f := polled(t, c.join(t), table)
			for _, n := range row.sizes {
				c.set(func(c *centre) { c.listed = whole[:n] })
				f.full = true
				f.poll(t.Context())
			}
			if got := table.Count("community"); got != row.want {
				t.Errorf("%s: %d decisions, want %d", row.name, got, row.want)
			}
			if held := f.Status().Err != nil; held != (row.want == row.had && row.sizes[len(row.sizes)-1] < row.had) {
				t.Errorf("%s: error %v", row.name, f.Status().Err)
			}
		}
	})
}

// After a restart the decisions are from the snapshot, and the first list may be short.
func TestAShortFirstListWipesNoSnapshot(t *testing.T) {
	table := new(lookup.Table)
	var before []lookup.Decision
	for _, ip := range addresses(20) {
		before = append(before, lookup.Decision{Prefix: netip.PrefixFrom(netip.MustParseAddr(ip), 32), Action: lookup.Ban, Until: time.Now().Add(time.Hour)})
	}
	table.Replace("community", before)
	f := polled(t, new(centre).join(t), table)
	if n := table.Count("community"); n != 20 || f.Counts()["lists_held"] != 1 {
		t.Errorf("%d decisions, counts %v", n, f.Counts())
	}
}

func TestHostileEntries(t *testing.T) {
	log, logs := logged()
	c, table := new(centre), new(lookup.Table)
	hour := time.Now().Add(time.Hour)
	for _, prefix := range []string{
		"0.0.0.0/0", "203.0.113.0/24", "203.0.113.0/31", "::/0", "2001:db8::/32", "2001:db8::/63", "2001:db8::1", "x", "", "203.0.113.1%eth0", strings.Repeat("1", 300),
	} {
		c.list(prefix, "ban", hour)
	}
	for _, prefix := range []string{
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "::/64", "fe80::/64", "fc00::/64", "ff02::/64", "2001:0:1:2::/64",
		"::ffff:10.0.0.1", "198.18.0.1", "192.0.0.8", "2001:20::/64", "4000::/64",
	} {
		c.list(prefix, "ban", hour)
	}
	for i, action := range []string{"allow", "throttle", "Ban", "", "drop"} {
		c.list(addresses(5)[i], action, hour)
	}
	c.list("203.0.113.200", "ban", hour)
	c.listed[len(c.listed)-1].Behaviour = "\x1b[31mred\nline"
	f := polled(t, c.join(t, func(cfg *Config) { cfg.Logger = log }), table)
	if got := decisions(table); !slices.Equal(got, []string{"203.0.113.200/32 ban community community"}) {
		t.Errorf("%q", got)
	}
	n := f.Counts()
	if n["entries_not_a_unit"] != 11 || n["entries_not_public"] != 18 || n["entries_unknown_action"] != 5 {
		t.Errorf("%v", n)
	}
	lines := logs.FilterMessageSnippet("entries that it must not have").Len()
	f.full = true
	f.poll(t.Context())
	if again := logs.FilterMessageSnippet("entries that it must not have").Len(); lines != 1 || again != 1 {
		t.Errorf("%d lines, and %d after the same again: want one", lines, again)
	}
}

func TestOptionalLists(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	of := func(list string) protocol.Entry {
		return protocol.Entry{Prefix: "203.0.113.1", Action: "captcha", Until: hour, List: list, Behaviour: "http:scan"}
	}
	for _, row := range []struct {
		name   string
		follow []string
		list   string
		want   []string
	}{
		{"the main list", nil, "", []string{"203.0.113.1/32 captcha community http:scan"}},
		{"another list", nil, "tor", nil},
		{"another list that is asked for", []string{"tor"}, "tor", []string{"203.0.113.1/32 captcha community:tor http:scan"}},
		{"one of two", []string{"tor"}, "scanners", nil},
		{"a list that nobody knows", []string{"tor", "scanners"}, "everybody", nil},
	} {
		c, table := &centre{listed: []protocol.Entry{of(row.list)}}, new(lookup.Table)
		polled(t, c.join(t, func(cfg *Config) { cfg.Lists = row.follow }), table)
		if got := decisions(table); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	c, table := &centre{listed: []protocol.Entry{of("")}}, new(lookup.Table)
	f := polled(t, c.join(t), table)
	c.set(func(c *centre) { c.seq, c.changes = 1, []protocol.Entry{of("tor")} })
	f.poll(t.Context())
	if got := decisions(table); len(got) != 0 {
		t.Errorf("what moved to a list that is not followed is still enforced: %q", got)
	}
}

func TestBrokenAnswers(t *testing.T) {
	for _, row := range []struct{ name, body, want string }{
		{"no JSON", "<html>", "not that of a community"},
		{"cut off", `{"seq":1,"full":true,"items":[{"prefix":"203.0.113.1","action":"ban","until":"2099-01-01T00:00:00Z"}`, "incomplete"},
		{"cut off after the items", `{"seq":1,"full":true,"items":[]`, "incomplete"},
		{"a list of entries", `[]`, "want {, got ["},
		{"items that are none", `{"seq":1,"full":true,"items":"all"}`, "not a list"},
		{"an invalid number", `{"seq":-1,"full":true,"items":[]}`, "not that of a community"},
		{"an invalid time", `{"seq":1,"full":true,"items":[{"prefix":"203.0.113.1","action":"ban","until":"tomorrow"}]}`, "not that of a community"},
		{"changes instead of the whole list", `{"seq":1,"items":[{"prefix":"203.0.113.1","action":"ban","until":"2099-01-01T00:00:00Z"}]}`, "asked for the whole list"},
		{"one entry of a megabyte", `{"seq":1,"full":true,"items":[{"prefix":"` + strings.Repeat("1", 1<<20), "more than 16384 bytes"},
		{"an unknown field of a megabyte", `{"other":"` + strings.Repeat("1", 1<<20), "more than 16384 bytes"},
		{"a key of a megabyte", `{"` + strings.Repeat("1", 1<<20), "more than 16384 bytes"},
		{"spaces without end", strings.Repeat(" ", 1<<20), "more than 16384 bytes"},
	} {
		c, table := new(centre), new(lookup.Table)
		c.instead = func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, row.body); return true }
		f := polled(t, c.join(t), table)
		if err := f.Status().Err; err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
		if table.Len() != 0 {
			t.Errorf("%s: %q", row.name, decisions(table))
		}
	}
}

func TestUnknownFieldsAndAnyOrderAreRead(t *testing.T) {
	c, table := new(centre), new(lookup.Table)
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"later":{"a":[1,{"b":null}]},"items":[{"new":true,"prefix":"203.0.113.1","action":"ban","until":"2099-01-01T00:00:00Z"}],"full":true,"seq":3}`)
		return true
	}
	if f := polled(t, c.join(t), table); f.Status().Err != nil || f.seq != 3 || table.Len() != 1 {
		t.Errorf("error %v, number %d, %d decisions", f.Status().Err, f.seq, table.Len())
	}
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"seq":3,"full":true,"items":null}`)
		return true
	}
	if f := polled(t, c.join(t), table); f.Status().Err != nil || table.Len() != 0 {
		t.Errorf("an empty list: error %v, %d decisions", f.Status().Err, table.Len())
	}
}

// endless yields a list of entries without an end.
type endless struct {
	begun   bool
	entry   func(n int) string
	n       int
	pending string
}

func (e *endless) Read(b []byte) (int, error) {
	if e.pending == "" {
		e.pending = "," + e.entry(e.n)
		if !e.begun {
			e.begun, e.pending = true, `{"seq":1,"full":true,"items":[`+e.entry(e.n)
		}
		e.n++
	}
	n := copy(b, e.pending)
	e.pending = e.pending[n:]
	return n, nil
}

// A list of millions is cut, and an endless one is refused.
func TestMillionsOfEntries(t *testing.T) {
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	entry := func(n int) string {
		return fmt.Sprintf(`{"prefix":"%d.%d.%d.%d","action":"ban","until":"%s"}`, 20+n>>24, n>>16&255, n>>8&255, n&255, until)
	}
	log, logs := logged()
	c, table := new(centre), new(lookup.Table)
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		e := &endless{entry: entry}
		_, _ = io.Copy(w, io.LimitReader(e, 2<<20))
		_, _ = io.WriteString(w, e.pending+"]}")
		return true
	}
	f := polled(t, c.join(t, func(cfg *Config) { cfg.Size, cfg.Logger = 1000, log }), table)
	if f.Status().Err != nil || table.Count("community") != 1000 || f.Counts()["entries_too_many"] < 20_000 || logs.FilterMessageSnippet("must not have").Len() != 1 {
		t.Errorf("error %v, %d decisions, counts %v, %d lines", f.Status().Err, table.Len(), f.Counts(), logs.Len())
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		zipped(w, io.LimitReader(&endless{entry: func(int) string { return `{"prefix":"x","more":"` + strings.Repeat("x", 10_000) + `"}` }}, 1<<30))
	}))
	defer server.Close()
	m, err := New(Config{URL: server.URL, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	f = polled(t, m, new(lookup.Table))
	m.http.CloseIdleConnections()
	if err := f.Status().Err; !errors.Is(err, errTooLong) {
		t.Errorf("a list without an end: %v", err)
	}
}

// More changes than a member takes at once are asked for as a whole.
func TestTooManyChangesAtOnce(t *testing.T) {
	c, table := new(centre), new(lookup.Table)
	f := polled(t, c.join(t), table)
	hour := time.Now().Add(time.Hour)
	c.set(func(c *centre) {
		for n := range 100_001 {
			c.changes = append(c.changes, protocol.Entry{Prefix: fmt.Sprintf("20.%d.%d.%d", n>>16, n>>8&255, n&255), Action: "ban", Until: hour})
		}
		c.listed, c.seq = c.changes[:3], 100_001
	})
	f.poll(t.Context())
	if f.Status().Err != nil || table.Len() != 3 || f.seq != 100_001 {
		t.Errorf("error %v, %d decisions, number %d", f.Status().Err, table.Len(), f.seq)
	}
}

func TestMoreIsAskedForAtOnce(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name string
		step uint64 // by which the number grows
		want string // of the error
		asks int
	}{
		{"three answers", 1, "", 3},
		{"the number stands still", 0, "repeats the number", 2},
	} {
		c, table := new(centre), new(lookup.Table)
		asks := 0
		c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			asks++
			send(w, protocol.List{Seq: 5 + uint64(asks)*row.step, Full: asks == 1, More: asks < 3, Items: []protocol.Entry{
				{Prefix: fmt.Sprintf("203.0.113.%d", asks), Action: "ban", Until: hour},
			}})
			return true
		}
		f := polled(t, c.join(t), table)
		if err := f.Status().Err; asks != row.asks || (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %d questions, error %v", row.name, asks, err)
		}
	}
	c := new(centre)
	asks := 0
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		asks++
		send(w, protocol.List{Seq: uint64(asks), Full: true, More: true})
		return true
	}
	polled(t, c.join(t), new(lookup.Table))
	if asks > 50 {
		t.Errorf("%d questions to a centre that always has more", asks)
	}
}

func TestFailuresChangeNothingAndArePaused(t *testing.T) {
	for _, row := range []struct {
		name    string
		code    int
		header  string
		want    string
		atLeast time.Duration
	}{
		{"a refused key", 401, "", "refuses the key", 0},
		{"a suspended member", 403, "", "refuses the key", 0},
		{"too many questions", 429, "120", "status 429", 2 * time.Minute},
		{"too long a pause", 503, "100000", "status 503", 10 * time.Minute},
		{"a broken centre", 500, "", "status 500", 0},
		{"a redirect", 302, "", "redirect is not followed", 0},
	} {
		c, table := new(centre), new(lookup.Table)
		c.list("203.0.113.1", "ban", time.Now().Add(time.Hour))
		f := polled(t, c.join(t), table)
		c.set(func(c *centre) {
			c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", row.header)
				w.Header().Set("Location", "https://elsewhere.example/")
				refuse(w, row.code, "no "+testKey+"\x1b[31m")
				return true
			}
		})
		asked := c.did("GET")
		pause := f.poll(t.Context())
		s := f.Status()
		if s.Err == nil || !strings.Contains(s.Err.Error(), row.want) || strings.Contains(s.Err.Error(), testKey) || strings.Contains(s.Err.Error(), "\x1b") {
			t.Errorf("%s: %v", row.name, s.Err)
		}
		if pause < row.atLeast || pause > 11*time.Minute || s.Failures != 1 || table.Len() != 1 || c.did("GET") != asked+1 {
			t.Errorf("%s: pause %v, %d failures, %d decisions, %d questions", row.name, pause, s.Failures, table.Len(), c.did("GET")-asked)
		}
	}
}

// Gzip, real connections, and the key goes to one server only.
func TestOverTheNetwork(t *testing.T) {
	c := new(centre)
	c.list("203.0.113.1", "ban", time.Now().Add(time.Hour))
	c.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip is not asked for")
		}
		text, _ := json.Marshal(protocol.List{Seq: 1, Full: true, Items: c.listed})
		zipped(w, strings.NewReader(string(text)))
		return true
	}
	server := httptest.NewServer(c)
	defer server.Close()
	m, err := New(Config{URL: server.URL + "/", Key: testKey, Agent: "tocsin/0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.http.CloseIdleConnections()
	table := new(lookup.Table)
	if f := polled(t, m, table); f.Status().Err != nil || table.Len() != 1 {
		t.Errorf("error %v, %d decisions", f.Status().Err, table.Len())
	}
	h := c.headers[0]
	if h.Get("Authorization") != "Bearer "+testKey || h.Get("User-Agent") != "tocsin/0.1.0" {
		t.Errorf("headers %v", h)
	}
}

func TestConfigs(t *testing.T) {
	ok := Config{URL: "https://blocklist.example", Key: testKey}
	for _, row := range []struct {
		name   string
		change func(*Config)
		want   string // of the error; empty: none
	}{
		{"the least", func(*Config) {}, ""},
		{"plain http to this host", func(c *Config) { c.URL = "http://127.0.0.1:8080" }, ""},
		{"plain http to localhost", func(c *Config) { c.URL = "http://localhost" }, ""},
		{"plain http to another host", func(c *Config) { c.URL = "http://blocklist.example" }, "want https"},
		{"plain http that is meant", func(c *Config) { c.URL, c.Plain = "http://blocklist.example", true }, ""},
		{"no URL", func(c *Config) { c.URL = "" }, "want one such as https://"},
		{"a socket", func(c *Config) { c.URL = "unix:///run/x.sock" }, "not a socket"},
		{"a password in the URL", func(c *Config) { c.URL = "https://a:b@blocklist.example" }, "user or password"},
		{"a path of the API", func(c *Config) { c.URL = "https://blocklist.example/api/v1" }, "leave out /api/v1"},
		{"a path", func(c *Config) { c.URL = "https://example.org/community" }, ""},
		{"no key", func(c *Config) { c.Key = "" }, "tocsin community join"},
		{"a key with a line end", func(c *Config) { c.Key = "a\nb" }, "the key is not one"},
		{"a placeholder", func(c *Config) { c.Key = "{env.KEY}" }, "the key is not one"},
		{"too often", func(c *Config) { c.Interval = time.Millisecond }, "at least 1s"},
		{"whole lists too often", func(c *Config) { c.Interval, c.Resync = time.Minute, time.Second }, "at least the interval"},
		{"an unknown list", func(c *Config) { c.Lists = []string{"everybody"} }, "want one of tor, scanners"},
		{"a negative size", func(c *Config) { c.Size = -1 }, "at least 1"},
		{"authorities that are not there", func(c *Config) { c.CA = "/nonexistent" }, "reading the CA"},
	} {
		cfg := ok
		row.change(&cfg)
		_, err := New(cfg)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), testKey) {
			t.Errorf("%s: the key is in the error", row.name)
		}
	}
}

func TestTheExplanationIsOnTheHostOfTheCommunity(t *testing.T) {
	for _, row := range []struct{ name, url, explain, want string }{
		{"its page", "https://blocklist.example", "https://blocklist.example/about?ip={address}", "https://blocklist.example/about?ip=2001%3Adb8%3A%3A1"},
		{"in the path", "https://blocklist.example", "https://blocklist.example/{address}", "https://blocklist.example/2001%3Adb8%3A%3A1"},
		{"another host", "https://blocklist.example", "https://other.example/{address}", ""},
		{"another port", "https://blocklist.example", "https://blocklist.example:444/{address}", ""},
		{"a host that begins so", "https://blocklist.example", "https://blocklist.example{address}/", ""},
		{"a user that looks so", "https://blocklist.example", "https://blocklist.example@other.example/{address}", ""},
		{"without TLS", "https://blocklist.example", "http://blocklist.example/{address}", ""},
		{"a script", "https://blocklist.example", "javascript:alert('{address}')", ""},
		{"no address in it", "https://blocklist.example", "https://blocklist.example/", ""},
		{"a line end", "https://blocklist.example", "https://blocklist.example/\n{address}", ""},
		{"too long", "https://blocklist.example", "https://blocklist.example/{address}" + strings.Repeat("x", 600), ""},
		{"a centre on this machine with a public page", "http://127.0.0.1:8080", "https://blocklist.example/{address}", "https://blocklist.example/2001%3Adb8%3A%3A1"},
		{"a centre on this machine", "http://127.0.0.1:8080", "http://127.0.0.1:8080/{address}", "http://127.0.0.1:8080/2001%3Adb8%3A%3A1"},
	} {
		m, err := New(Config{URL: row.url, Key: testKey})
		if err != nil {
			t.Fatal(err)
		}
		m.learn(" Exam\u202eple\x1b[31m e.V.\n"+strings.Repeat("x", 100), row.explain)
		name, link := m.Explain(netip.MustParseAddr("2001:db8::1"))
		if link != row.want {
			t.Errorf("%s: %q, want %q", row.name, link, row.want)
		}
		if !strings.HasPrefix(name, "Example[31m e.V.xxx") || len(name) != 64 {
			t.Errorf("name %q", name)
		}
	}
	m, _ := New(Config{URL: "https://blocklist.example", Key: testKey})
	if name, link := m.Explain(netip.MustParseAddr("192.0.2.1")); name != "blocklist.example" || link != "" {
		t.Errorf("before the first list: %q %q", name, link)
	}
}
