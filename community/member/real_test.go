package member

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/storetest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A realCentre is the centre of package community behind its API.
type realCentre struct {
	*community.Centre
	url  string
	from atomic.Uint32 // the second byte of where the next member is
}

func newRealCentre(t *testing.T) *realCentre {
	t.Helper()
	memory := storetest.NewMemory()
	c := new(realCentre)
	var err error
	c.Centre, err = community.New(community.Config{Store: memory, Accounts: memory, Secret: bytes.Repeat([]byte{7}, 32), Name: "Example", Site: "https://blocklist.example"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{Centre: c.Centre, ClientIP: func(*http.Request) netip.Addr {
		return netip.AddrFrom4([4]byte{20, byte(c.from.Load()), 0, 1})
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	c.url = server.URL
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }()
	t.Cleanup(func() { server.Close(); stop(); <-ended })
	return c
}

// join makes a vouched member, in a network of its own.
func (c *realCentre) join(t *testing.T, witness func(netip.Prefix) (time.Time, int, bool)) *Client {
	t.Helper()
	name := fmt.Sprint("web", c.from.Add(1))
	code, err := c.Invite(t.Context(), "moderator", community.Invitee{Name: name, Operator: name, Vouched: true})
	if err != nil {
		t.Fatal(err)
	}
	j, err := Join(t.Context(), Joining{URL: c.url, Invitation: code, Name: name, Terms: "1"})
	if err != nil || j.Key == "" {
		t.Fatalf("joining: %+v, %v", j, err)
	}
	m, err := New(Config{URL: c.url, Key: j.Key, Witness: witness})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.http.CloseIdleConnections)
	return m
}

// The whole protocol with the real centre: a report that it takes, one that it knows, the
// question that follows, the answer, and the standing.
func TestWithTheRealCentre(t *testing.T) {
	c, memory := newRealCentre(t), new(Memory)
	victim := netip.MustParseAddr("2001:db8:1:2:3::4")
	memory.Note(victim, time.Now())
	memory.Note(netip.MustParseAddr("203.0.113.200"), time.Now())
	reporter, witness := c.join(t, nil), c.join(t, memory.Witness)

	alert := event.Alert{
		Scenario: "tocsin/http-exploit", Client: victim, Prefix: event.ClientOf(victim), Start: time.Now().Add(-time.Minute), Stop: time.Now(), Count: 5, Remediation: true,
		Context: []event.Context{{Target: "/secret"}},
	}
	for i, known := range []uint64{0, 1} {
		if taken, refused, err := reporter.Report(t.Context(), []event.Alert{alert}); taken != 1 || refused != 0 || err != nil {
			t.Fatalf("report %d: %d taken, %d refused, %v", i+1, taken, refused, err)
		}
		if n := reporter.Counts()["reports_known"]; n != known {
			t.Errorf("report %d: %d known, want %d", i+1, n, known)
		}
	}
	table := new(lookup.Table)
	if f := polled(t, witness, table); f.Status().Err != nil || table.Len() != 0 {
		t.Errorf("one report lists: %q, %v", decisions(table), f.Status().Err)
	}
	if err := witness.testifyOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := witness.Counts(); n["witness_asked"] != 1 || n["witness_answers"] != 1 {
		t.Errorf("%v", n)
	}
	facts, err := c.Facts(t.Context(), unitOf(victim))
	if err != nil || len(facts.Reports) != 1 || len(facts.Ordinary) != 1 {
		t.Errorf("the centre has %+v, %v", facts, err)
	}
	reporter.askStanding(t.Context())
	if s, known := reporter.Standing(); !known || s.State != "vouched" || s.Reports != 1 {
		t.Errorf("standing %+v", s)
	}
	if name, link := witness.Explain(victim); name != "Example" || link != "https://blocklist.example/?address=2001%3Adb8%3A1%3A2%3A3%3A%3A4" {
		t.Errorf("explanation %q %q", name, link)
	}
}

// A suspended member learns that its key is refused.
func TestASuspendedMember(t *testing.T) {
	c := newRealCentre(t)
	m := c.join(t, nil)
	all, err := c.Members(t.Context(), "moderator")
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if err := c.Suspend(t.Context(), "moderator", all[0].Account.Login, true, "a test"); err != nil {
		t.Fatal(err)
	}
	f := polled(t, m, new(lookup.Table))
	if !hasCode(f.Status().Err, http.StatusForbidden) {
		t.Errorf("the list: %v", f.Status().Err)
	}
	if _, _, err := m.Report(t.Context(), batchOf(1)); !hasCode(err, http.StatusForbidden) {
		t.Errorf("a report: %v", err)
	}
}
