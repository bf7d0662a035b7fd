package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// parse returns the rules of a text.
func parse(t testing.TB, yaml string) *Rules {
	t.Helper()
	rules, err := Parse("test.yaml", []byte(yaml), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rules.Skipped() {
		t.Fatalf("skipped: %v", s)
	}
	return rules
}

// A site is a detector, and the requests that come to it.
type site struct {
	*testing.T
	d *Detector
}

func newSite(t *testing.T, cfg Config, yaml string) *site {
	t.Helper()
	cfg.Rules = parse(t, yaml)
	return &site{t, New(cfg)}
}

// get returns a request that comes so many seconds after the beginning. The target
// may be led by a client's address.
func get(seconds float64, target string) *event.Event {
	e := &event.Event{
		Time: began.Add(time.Duration(seconds * float64(time.Second))), Client: netip.MustParseAddr("192.0.2.1"), Method: "GET",
		Target: target, Proto: "HTTP/1.1", Host: "example.org", UserAgent: "Mozilla/5.0", Status: 200,
	}
	if client, rest, ok := strings.Cut(target, " "); ok {
		e.Client, e.Target = netip.MustParseAddr(client), rest
	}
	return e
}

func status(code int, e *event.Event) *event.Event { e.Status = code; return e }

// sees sends requests, and checks what alerts they cause: each as scenario*count,
// and the others as a dot.
func (s *site) sees(want string, events ...*event.Event) []event.Alert {
	s.Helper()
	var got []string
	var all []event.Alert
	for _, e := range events {
		alerts := slices.Concat(s.d.Request(e), s.d.Response(e))
		if len(alerts) == 0 {
			got = append(got, ".")
		}
		for _, a := range alerts {
			got = append(got, fmt.Sprintf("%s*%d", a.Scenario, a.Count))
		}
		all = append(all, alerts...)
	}
	if strings.Join(got, " ") != want {
		s.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	return all
}

// at returns requests for the same target at these seconds.
func at(target string, seconds ...float64) []*event.Event {
	var events []*event.Event
	for _, s := range seconds {
		events = append(events, get(s, target))
	}
	return events
}
