package member

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// The traffic of a member for a day: no address leaves that it does not report and that the
// centre does not ask about.
func TestNoAddressLeavesThatIsNotAskedFor(t *testing.T) {
	for _, row := range []struct {
		name    string
		witness bool
		asked   []string
		want    string // the answers; empty: none is sent
	}{
		{"nobody is asked about", true, nil, ""},
		{"strangers", true, []string{"203.0.113.200", "2001:db8:9::/64"}, ""},
		{"one that is known", true, []string{"203.0.113.200", "203.0.113.5"}, `[{"unit":"203.0.113.5","last":"2000-01-01T00:00:00Z","count":1}]`},
		{"the same twice", true, []string{"203.0.113.5", "203.0.113.5/32"}, `[{"unit":"203.0.113.5","last":"2000-01-01T00:00:00Z","count":1}]`},
		{"IPv6", true, []string{"2001:db8:1:2::/64"}, `[{"unit":"2001:db8:1:2::/64","last":"2000-01-01T00:00:00Z","count":1}]`},
		{"ranges, which would ask about many at once", true, []string{"0.0.0.0/0", "203.0.113.0/24", "::/0", "2001:db8:1::/48", "2001:db8:1:2::1"}, ""},
		{"nonsense", true, []string{"x", "", "203.0.113.5%eth0", strings.Repeat("9", 1000)}, ""},
		{"off", false, []string{"203.0.113.5"}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, memory := new(centre), new(Memory)
			for _, ip := range addresses(100) {
				memory.Note(netip.MustParseAddr(ip), time.Now())
			}
			memory.Note(netip.MustParseAddr("2001:db8:1:2:3:4:5:6"), time.Now())
			c.ask = protocol.Questions{ID: "q1", Units: row.asked, Until: time.Now().Add(100 * time.Hour)}
			m := c.join(t, func(cfg *Config) {
				if row.witness {
					cfg.Witness = memory.Witness
				}
			})
			ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
			defer stop()
			_ = m.Run(ctx, new(lookup.Table))
			var answers []string
			for _, body := range c.bodies {
				var sent protocol.AnswersRequest
				if err := json.Unmarshal([]byte(body), &sent); err != nil || sent.ID != "q1" {
					t.Fatalf("%s: sent %s", row.name, body)
				}
				text, _ := json.Marshal(sent.Answers)
				answers = append(answers, string(text))
			}
			if row.want == "" && len(answers) > 0 || row.want != "" && !slices.Contains(answers, row.want) {
				t.Errorf("%s: answers %q, want %q", row.name, slices.Compact(answers), row.want)
			}
			traffic := strings.Join(c.asked, "\n") + "\n" + fmt.Sprint(c.headers) + strings.Join(c.bodies, "\n")
			for _, ip := range append(addresses(100), "2001:db8:1:2") {
				if strings.Contains(traffic, `"`+ip) && !slices.ContainsFunc(row.asked, func(u string) bool { return strings.HasPrefix(u, ip) }) {
					t.Errorf("%s: %s has left", row.name, ip)
				}
			}
			if !row.witness && c.did("GET /api/v1/questions") > 0 {
				t.Errorf("%s: it asked for questions", row.name)
			}
		})
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, memory := new(centre), new(Memory)
		for _, ip := range addresses(2000) {
			memory.Note(netip.MustParseAddr(ip), time.Now())
		}
		m := c.join(t, func(cfg *Config) { cfg.Witness = memory.Witness })
		c.ask = protocol.Questions{ID: "q", Units: addresses(2000)}
		if err := m.testifyOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		var sent protocol.AnswersRequest
		if err := json.Unmarshal([]byte(c.bodies[0]), &sent); err != nil || len(sent.Answers) > 1000 || len(sent.Answers) < 900 {
			t.Errorf("%d answers, %v", len(sent.Answers), err)
		}
		c.ask.Until = time.Now().Add(-time.Second)
		if err := m.testifyOnce(t.Context()); err != nil || len(c.bodies) != 1 {
			t.Errorf("an old question: %v, %d answers", err, len(c.bodies)-1)
		}
		c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"units":["` + strings.Repeat("1", 2<<20) + `"]}`))
			return true
		}
		if err := m.testifyOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
			t.Errorf("two megabytes of questions: %v", err)
		}
	})
}

func TestMemoryEndsAfterFourteenDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(Memory)
		ip, unit := netip.MustParseAddr("2001:db8:1:2:3::4"), netip.MustParsePrefix("2001:db8:1:2::/64")
		if _, _, ok := m.Witness(unit); ok {
			t.Error("known without any use")
		}
		began := time.Now()
		for range 5 {
			m.Note(ip, time.Now())
			m.Note(ip, time.Now()) // within the same hour
			<-time.After(2 * time.Hour)
		}
		last, count, ok := m.Witness(unit)
		if !ok || count != 5 || last != began.Add(8*time.Hour) {
			t.Errorf("%v %d %v", last, count, ok)
		}
		<-time.After(6 * 24 * time.Hour)
		if _, _, ok := m.Witness(unit); !ok {
			t.Error("unknown after six days")
		}
		m.Note(ip, time.Now())
		if _, count, _ := m.Witness(unit); count != 6 {
			t.Errorf("count %d after the sixth hour", count)
		}
		<-time.After(14*24*time.Hour + time.Hour)
		if _, _, ok := m.Witness(unit); ok || m.Len() != 0 {
			t.Errorf("known after 14 days, %d units", m.Len())
		}
		m.Note(ip, time.Now())
		m.Clear()
		if _, _, ok := m.Witness(unit); ok {
			t.Error("known after it was told to forget")
		}
	})
}

// A client with many addresses does not displace others.
func TestMemoryIsBoundedAndFair(t *testing.T) {
	m, now := new(Memory), time.Now()
	honest := netip.MustParseAddr("203.0.113.5")
	m.Note(honest, now)
	for n := range 5000 {
		m.Note(netip.AddrFrom4([4]byte{20, 1, byte(n >> 8), byte(n)}), now)
	}
	if n := m.Len(); n != 1001 {
		t.Errorf("%d units of two networks, want 1,000 of one and 1 of the other", n)
	}
	for n := range 60_000 {
		m.Note(netip.AddrFrom4([4]byte{30 + byte(n>>14), byte(n >> 6), byte(n), 1}), now)
	}
	if n := m.Len(); n != 50_000 {
		t.Errorf("%d units, want 50,000", n)
	}
	if _, _, ok := m.Witness(netip.PrefixFrom(honest, 32)); !ok {
		t.Error("an earlier one is forgotten")
	}
	for _, ip := range []string{"10.0.0.1", "127.0.0.1", "2001:0:1:2::1"} {
		m := new(Memory)
		m.Note(netip.MustParseAddr(ip), now)
		m.Note(netip.Addr{}, now)
		if m.Len() != 0 {
			t.Errorf("%s is remembered", ip)
		}
	}
}

// Two memories have different keys, and neither has an address.
func TestMemoryHoldsKeyedHashes(t *testing.T) {
	a, b := new(Memory), new(Memory)
	unit := event.ClientOf(netip.MustParseAddr("203.0.113.5"))
	first := a.hashLocked(unit)
	if first == b.hashLocked(unit) || first != a.hashLocked(unit) {
		t.Error("the hash does not depend on the key alone")
	}
}

func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := logged()
		c := &centre{standing: protocol.Standing{
			State: "active", Trust: "0.53", Why: []string{"34 reports\x1b[31m were confirmed"}, Reports: 7, Confirmed: 3, Own: []string{"203.0.113.66", "203.0.113.66/32", "0.0.0.0/0", "10.0.0.1", "nonsense"}, Notice: "look\nhere",
		}}
		m := c.join(t, func(cfg *Config) { cfg.Logger = log })
		if _, known := m.Standing(); known || len(m.Notices()) > 0 {
			t.Error("known before any answer")
		}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Hour)
		defer stop()
		_ = m.Run(ctx, new(lookup.Table))
		s, known := m.Standing()
		if !known || s.Trust != "0.53" || s.Why[0] != "34 reports[31m were confirmed" || len(s.Own) != 1 {
			t.Errorf("%+v", s)
		}
		if n := c.did("GET /api/v1/standing"); n > 10 {
			t.Errorf("%d questions in ten hours: want one an hour at most", n)
		}
		notices := strings.Join(m.Notices(), "\n")
		if !strings.Contains(notices, "203.0.113.66, an address of this server") || !strings.Contains(notices, "look here") {
			t.Errorf("notices %q", notices)
		}
		if n := logs.FilterMessageSnippet("report addresses of this server").Len(); n != 1 {
			t.Errorf("%d warnings, want one", n)
		}
		c.standing = protocol.Standing{State: "quarantined", Why: []string{"you report a CDN"}}
		m.askStanding(t.Context())
		if len(m.Notices()) != 0 || logs.FilterMessageSnippet("does not count the reports").Len() != 1 {
			t.Errorf("notices %q, log %v", m.Notices(), logs.All())
		}
		c.instead = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, 500, "no"); return true }
		m.askStanding(t.Context())
		if s, _ := m.Standing(); s.State != "quarantined" {
			t.Errorf("a failure changed the standing: %+v", s)
		}
	})
}

func TestANoticeOfAReportIsKeptAndLoggedOnce(t *testing.T) {
	log, logs := logged()
	c := &centre{answer: protocol.SignalsAnswer{Accepted: 1, Notice: "your own address 192.0.2.7 attacks others"}}
	m := c.join(t, func(cfg *Config) { cfg.Logger = log })
	for range 3 {
		_, _, _ = m.Report(t.Context(), batchOf(1))
	}
	if n := m.Notices(); len(n) != 1 || n[0] != "blocklist.example says: your own address 192.0.2.7 attacks others" {
		t.Errorf("%q", n)
	}
	if n := logs.FilterMessageSnippet("a notice for the operator").Len(); n != 1 {
		t.Errorf("%d lines, want one", n)
	}
}
