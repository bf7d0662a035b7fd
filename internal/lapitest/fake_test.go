package lapitest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// In a bubble time stands still between the steps, so that even durations are
// known. The bodies are as recorded from 1.4.6 and 1.7.8, with other times.
func TestWireFormat(t *testing.T) {
	type exchange struct {
		name   string
		before func(*Handler)
		path   string
		body   string
	}
	tests := map[Generation][]exchange{
		Old: {
			{"nothing", nil, "/v1/decisions/stream?startup=true", `{"deleted":null,"new":null}`},
			{
				"ordered by end, with fractions", func(h *Handler) {
					h.Add(Decision{Value: "192.0.2.1", Duration: 2 * time.Hour},
						Decision{Value: "192.0.2.2", Duration: time.Hour + 1500*time.Millisecond, Scenario: `a "b"`})
				},
				"/v1/decisions/stream",
				`{"deleted":null,"new":[{"duration":"1h0m1.499999999s","id":2,"origin":"cscli","scenario":"a \"b\"","scope":"Ip","type":"ban","value":"192.0.2.2"},` +
					`{"duration":"1h59m59.999999999s","id":1,"origin":"cscli","scenario":"manual ban","scope":"Ip","type":"ban","value":"192.0.2.1"}]}`,
			},
			{
				"an end that is one nanosecond ago", func(h *Handler) { h.Delete("192.0.2.2", "") },
				"/v1/decisions/stream",
				`{"deleted":[{"duration":"-1ns","id":2,"origin":"cscli","scenario":"a \"b\"","scope":"Ip","type":"ban","value":"192.0.2.2"}],"new":null}`,
			},
			{
				"microseconds", func(h *Handler) {
					h.Add(Decision{Value: "192.0.2.3", Duration: -11999 * time.Nanosecond})
				},
				"/v1/decisions/stream?value=192.0.2.3",
				`{"deleted":[{"duration":"-12µs","id":3,"origin":"cscli","scenario":"manual ban","scope":"Ip","type":"ban","value":"192.0.2.3"}],"new":null}`,
			},
			{"a query", nil, "/v1/decisions?ip=192.0.2.9", `null`},
		},
		New: {
			{"nothing", nil, "/v1/decisions/stream?startup=true", `{"new": [], "deleted": []}`},
			{
				"ordered by id, whole seconds, a uuid for what is local", func(h *Handler) {
					h.Add(Decision{Value: "192.0.2.1", Duration: 2 * time.Hour, UUID: "u-1"},
						Decision{Value: "192.0.2.0/24", Duration: time.Hour, Origin: "CAPI", Scenario: "acme/scan"})
				},
				"/v1/decisions/stream",
				`{"new": [{"duration":"2h0m0s","id":1,"origin":"cscli","scenario":"manual ban","scope":"Ip","type":"ban","uuid":"u-1","value":"192.0.2.1"},` +
					`{"duration":"1h0m0s","id":2,"origin":"CAPI","scenario":"acme/scan","scope":"Range","type":"ban","value":"192.0.2.0/24"}], "deleted": []}`,
			},
			{
				"an end just now", func(h *Handler) { h.Delete("192.0.2.1", "ban") },
				"/v1/decisions/stream",
				`{"new": [], "deleted": [{"duration":"0s","id":1,"origin":"cscli","scenario":"manual ban","scope":"Ip","type":"ban","uuid":"u-1","value":"192.0.2.1"}]}`,
			},
			{
				"a duration of one's own", func(h *Handler) { h.Add(Decision{Value: "FR", Scope: "Country", UUID: "u-2", RawDuration: "7d"}) },
				"/v1/decisions/stream?scopes=country",
				`{"new": [{"duration":"7d","id":3,"origin":"cscli","scenario":"manual ban","scope":"Country","type":"ban","uuid":"u-2","value":"FR"}], "deleted": []}`,
			},
			{
				"a query, without uuid", func(h *Handler) { h.Add(Decision{Value: "192.0.2.9", Type: "captcha", Duration: time.Minute}) },
				"/v1/decisions?ip=192.0.2.9",
				`[{"duration":"1m0s","id":4,"origin":"cscli","scenario":"manual ban","scope":"Ip","type":"captcha","value":"192.0.2.9"},` +
					`{"duration":"1h0m0s","id":2,"origin":"CAPI","scenario":"acme/scan","scope":"Range","type":"ban","value":"192.0.2.0/24"}]`,
			},
			{"a query that no server can read is no error in a chunked answer", nil, "/v1/decisions/stream?contains=banana", `{"new": [], "deleted": []}`},
		},
	}
	for gen, exchanges := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := StartPipe(t, Config{Generation: gen})
			c := newClient(t, s)
			for _, e := range exchanges {
				if e.before != nil {
					e.before(s.Handler)
				}
				if a := c.get(e.path); a.body != e.body || a.status != http.StatusOK {
					t.Errorf("generation %d: %s:\n got %d %s\nwant %s", gen, e.name, a.status, a.body, e.body)
				}
			}
		})
	}
}

func TestTransfer(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		a := c.get("/v1/decisions/stream")
		wantType, chunked := "application/json", true
		if s.Generation() == Old {
			wantType, chunked = "application/json; charset=utf-8", false
		}
		if got := a.header.Get("Content-Type"); got != wantType {
			t.Errorf("type %q, want %q", got, wantType)
		}
		if got := slices.Contains(a.encoding, "chunked"); got != chunked {
			t.Errorf("chunked: %v, want %v", got, chunked)
		}
		c.key = "unknown"
		a = c.get("/v1/decisions/stream")
		if a.status != http.StatusForbidden || a.body != `{"message":"access forbidden"}` {
			t.Errorf("with an unknown key: %d %s", a.status, a.body)
		}
		if a := c.get("/health"); a.status != http.StatusOK || a.body != `{"status":"up"}` {
			t.Errorf("health: %d %s", a.status, a.body)
		}
	})
}

// The server lists a row only if no row with the same value, type and scope ends later.
func TestWhatTheServerHides(t *testing.T) {
	const ip = "192.0.2.1"
	ban := func(d time.Duration, origin string) Decision {
		return Decision{Value: ip, Duration: d, Origin: origin}
	}
	tests := []struct {
		name string
		run  func(t *testing.T, s *Server, c *client)
	}{
		{"of two bans the one that ends last is sent, beside a captcha", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(4*time.Hour, "crowdsec"), ban(24*time.Hour, "cscli"), Decision{Value: ip, Type: "captcha"})
			got := c.pull("startup=true")
			expect(t, got, "ban "+ip+", captcha "+ip, "")
			if i := slices.IndexFunc(got.New, func(d decision) bool { return d.Type == "ban" }); got.New[i].Origin != "cscli" {
				t.Errorf("the ban is of %s, want cscli's", got.New[i].Origin)
			}
		}},
		{"a ban behind one of another origin vanishes from that origin's stream, but for dedup=false", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(4*time.Hour, "crowdsec"), ban(24*time.Hour, "cscli"))
			expect(t, c.pull("startup=true&origins=crowdsec"), "", "")
			expect(t, c.pull("startup=true&origins=crowdsec&dedup=false"), "ban "+ip, "")
		}},
		{"deleting the ban in front tells nothing, and the one behind does not come", func(t *testing.T, s *Server, c *client) {
			ids := s.Add(ban(4*time.Hour, "crowdsec"), ban(24*time.Hour, "cscli"))
			c.pull("startup=true")
			s.DeleteID(ids[1])
			expect(t, c.pull(""), "", "")
		}},
		{"the survivor's end bears an id that was never sent", func(t *testing.T, s *Server, c *client) {
			ids := s.Add(ban(4*time.Hour, "crowdsec"), ban(24*time.Hour, "cscli"))
			c.pull("startup=true")
			s.DeleteID(ids[1])
			c.pull("")
			s.DeleteID(ids[0])
			got := c.pull("")
			expect(t, got, "", "ban "+ip)
			if got.Deleted[0].ID != ids[0] {
				t.Errorf("deleted id %d, want %d", got.Deleted[0].ID, ids[0])
			}
		}},
		{"deleting a captcha tells nothing of the ban", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, ""), Decision{Value: ip, Type: "captcha"})
			c.pull("startup=true")
			s.Delete(ip, "captcha")
			expect(t, c.pull(""), "", "captcha "+ip)
		}},
		{"a hard delete is never told", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, ""))
			c.pull("startup=true")
			if n := s.HardDelete(ip, "ban"); n != 1 {
				t.Fatalf("%d rows removed, want 1", n)
			}
			expect(t, c.pull(""), "", "")
			expect(t, c.pull("startup=true"), "", "")
		}},
		{"a refreshed list comes again, whole, with new ids and later ends, and nothing is deleted", func(t *testing.T, s *Server, c *client) {
			s.Add(Decision{Value: ip, Origin: "CAPI", Duration: time.Hour}, Decision{Value: "192.0.2.2", Origin: "lists"}, Decision{Value: "192.0.2.3"})
			first := c.pull("startup=true")
			s.Reannounce()
			again := c.pull("")
			expect(t, again, "ban 192.0.2.1, ban 192.0.2.2", "")
			if last := slices.MaxFunc(first.New, byID); again.New[0].ID <= last.ID || again.New[1].ID <= last.ID {
				t.Errorf("ids are not new: %v after %v", again.New, first.New)
			}
		}},
		{"a startup tells ended decisions, too", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, ""), Decision{Value: "192.0.2.2", Duration: -time.Hour})
			expect(t, c.pull("startup=true"), "ban "+ip, "ban 192.0.2.2")
		}},
		{"with dedup=false each row is told", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(4*time.Hour, "crowdsec"), ban(24*time.Hour, "cscli"))
			expect(t, c.pull("startup=true&dedup=false"), "ban "+ip+", ban "+ip, "")
			s.Delete(ip, "ban")
			expect(t, c.pull("dedup=false"), "", "ban "+ip+", ban "+ip)
		}},
		{"twins that end together are both sent by the new generation, and one by the old", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, "a"), ban(time.Hour, "b"))
			want := "ban " + ip
			if s.Generation() != Old {
				want += ", ban " + ip
			}
			expect(t, c.pull("startup=true"), want, "")
		}},
		{"a ban that became a captcha is in both lists", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, ""))
			c.pull("startup=true")
			s.Delete(ip, "ban")
			s.Add(Decision{Value: ip, Type: "captcha"})
			expect(t, c.pull(""), "captcha "+ip, "ban "+ip)
		}},
		{"a decision that came and went between two pulls is only deleted", func(t *testing.T, s *Server, c *client) {
			c.pull("startup=true")
			s.Add(ban(time.Hour, ""))
			s.Delete(ip, "")
			expect(t, c.pull(""), "", "ban "+ip)
		}},
		{"a simulated decision is not told unless asked for, but hides others", func(t *testing.T, s *Server, c *client) {
			s.Add(ban(time.Hour, ""), Decision{Value: ip, Duration: 24 * time.Hour, Simulated: true})
			expect(t, c.pull("startup=true"), "", "")
			expect(t, c.pull("startup=true&simulated=true"), "ban "+ip, "")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { both(t, tt.run) })
	}
}

func byID(a, b decision) int { return int(a.ID - b.ID) }

func TestDeletionsRepeatForTwoSeconds(t *testing.T) {
	for _, gen := range []Generation{Old, New} {
		synctest.Test(t, func(t *testing.T) {
			s := StartPipe(t, Config{Generation: gen})
			c := newClient(t, s)
			s.Add(Decision{Value: "192.0.2.1"}, Decision{Value: "192.0.2.2", Duration: time.Minute})
			c.pull("startup=true")
			s.Delete("192.0.2.1", "")
			expect(t, c.pull(""), "", "ban 192.0.2.1")
			pass(time.Second)
			expect(t, c.pull(""), "", "ban 192.0.2.1")
			pass(2 * time.Second)
			expect(t, c.pull(""), "", "ban 192.0.2.1") // since the pull before was within them
			expect(t, c.pull(""), "", "")
			pass(time.Minute)
			expect(t, c.pull(""), "", "ban 192.0.2.2") // it ended by itself
		})
	}
}

func TestScopesAndFilters(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.Add(Decision{Value: "192.0.2.1", Scenario: "acme/ssh-bf"}, Decision{Value: "198.51.100.0/24", Scope: "Ip"},
			Decision{Value: "2001:db8::/32"}, Decision{Value: "FR", Scope: "Country"}, Decision{Value: "bob", Scope: "username"})
		expect(t, c.pull("startup=true"), "ban 192.0.2.1, ban 198.51.100.0/24, ban 2001:db8::/32", "")
		expect(t, c.pull("startup=true&scopes=ip"), "ban 192.0.2.1, ban 198.51.100.0/24", "")
		expect(t, c.pull("startup=true&scopes=country,username"), "ban FR, ban bob", "")
		expect(t, c.pull("startup=true&scenarios_containing=SSH,ftp"), "ban 192.0.2.1", "")
		expect(t, c.pull("startup=true&scenarios_not_containing=ssh"), "ban 198.51.100.0/24, ban 2001:db8::/32", "")
		if got := names(c.ask("ip=198.51.100.9")); got != "ban 198.51.100.0/24" {
			t.Errorf("a range is not found by an address in it: %q", got)
		}
		want := "ban 192.0.2.1, ban 198.51.100.0/24, ban 2001:db8::/32, ban FR, ban bob"
		if s.Generation() != Old { // the older one does not know the parameter
			want = "ban FR"
		}
		if got := names(c.ask("scope=country")); got != want {
			t.Errorf("scope=country gives %q, want %q", got, want)
		}
	})
}

func TestFirstPullWithoutStartup(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.Add(Decision{Value: "192.0.2.1"})
		s.AddKey("late")
		s.Add(Decision{Value: "192.0.2.2"})
		c.key = "late"
		want := "ban 192.0.2.2" // what is younger than the key
		if s.Generation() != Old {
			want = "ban 192.0.2.1, ban 192.0.2.2"
		}
		expect(t, c.pull(""), want, "")
	})
}

func TestHeadMovesTheCursorOnlyInTheOldGeneration(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.pull("startup=true")
		s.Add(Decision{Value: "192.0.2.1"})
		if a := c.do(http.MethodHead, "/v1/decisions/stream", ""); a.status != http.StatusOK || a.body != "" {
			t.Errorf("HEAD: %d %q", a.status, a.body)
		}
		want := ""
		if s.Generation() != Old {
			want = "ban 192.0.2.1"
		}
		expect(t, c.pull(""), want, "")
	})
}

// Without a network in between, a client can come from any address.
func from(h *Handler, addr, key, query string) string {
	r := httptest.NewRequest(http.MethodGet, streamPath+"?"+query, nil)
	r.RemoteAddr = addr
	r.Header.Set("X-Api-Key", key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

func TestCursors(t *testing.T) {
	for _, gen := range []Generation{Old, New} {
		h := NewHandler(Config{Generation: gen, Keys: []string{"a", "b"}})
		sees := func(addr, key string) bool {
			return strings.Contains(from(h, addr, key, ""), "192.0.2.1")
		}
		for _, key := range []string{"a", "b"} {
			for _, addr := range []string{"127.0.0.1:1", "127.0.0.2:1"} {
				from(h, addr, key, "startup=true")
			}
		}
		h.Add(Decision{Value: "192.0.2.1"})
		if !sees("127.0.0.1:1", "a") {
			t.Error("the first client does not see the decision")
		}
		if sees("127.0.0.1:2", "a") {
			t.Error("a second client with the same key at the same address sees it, too")
		}
		if !sees("127.0.0.1:1", "b") {
			t.Error("another key at the same address does not see it")
		}
		if got := sees("127.0.0.2:1", "a"); got != (gen != Old) {
			t.Errorf("generation %d: the same key at another address sees it: %v", gen, got)
		}
	}
}

func TestALiveQueryMovesAnOldCursor(t *testing.T) {
	for _, gen := range []Generation{Old, New} {
		synctest.Test(t, func(t *testing.T) {
			s := StartPipe(t, Config{Generation: gen})
			c := newClient(t, s)
			c.pull("startup=true")
			s.Add(Decision{Value: "192.0.2.1"})
			c.ask("ip=192.0.2.1")
			expect(t, c.pull(""), "ban 192.0.2.1", "")
			s.Add(Decision{Value: "192.0.2.2"})
			pass(61 * time.Second)
			c.ask("ip=192.0.2.1")
			expect(t, c.pull(""), "", "")
		})
	}
}

func TestDropDatabaseAndKeys(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.Add(Decision{Value: "192.0.2.1"})
		c.pull("startup=true")
		s.DropDatabase()
		if a := c.get("/v1/decisions/stream"); a.status != http.StatusForbidden {
			t.Errorf("after the drop: status %d, want 403", a.status)
		}
		s.AddKey(c.key)
		expect(t, c.pull("startup=true"), "", "")
		if ids := s.Add(Decision{Value: "192.0.2.2"}); ids[0] != 1 {
			t.Errorf("ids begin at %d, want 1", ids[0])
		}
		s.RemoveKey(c.key)
		if a := c.get("/v1/decisions/stream"); a.status != http.StatusForbidden {
			t.Errorf("with a removed key: status %d, want 403", a.status)
		}
	})
}

func TestUpgradeKeepsTheCursor(t *testing.T) {
	s := Start(t, Config{Generation: Old})
	c := newClient(t, s)
	s.Add(Decision{Value: "192.0.2.1"})
	c.pull("startup=true")
	s.SetGeneration(New)
	s.Add(Decision{Value: "192.0.2.2"})
	expect(t, c.pull(""), "ban 192.0.2.2", "")
}

func TestRequests(t *testing.T) {
	s := Start(t, Config{})
	c := newClient(t, s)
	c.pull("startup=true&scopes=ip")
	c.get("/health")
	c.pull("")
	if err := s.WaitPulls(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitRequests(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	pulls := s.Pulls()
	if len(pulls) != 2 || len(s.Requests()) != 3 {
		t.Fatalf("%d pulls among %d requests, want 2 among 3", len(pulls), len(s.Requests()))
	}
	if p := pulls[0]; !p.Startup() || p.Query.Get("scopes") != "ip" || p.Header.Get("X-Api-Key") != c.key {
		t.Errorf("the first pull is remembered as %+v", p)
	}
	if pulls[1].Startup() {
		t.Error("the second pull is remembered as a startup")
	}
}
