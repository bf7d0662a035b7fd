package lapi

import (
	"context"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// real follows CrowdSec itself.
type real struct {
	*testing.T
	*lapitest.RealServer

	client *Client
	table  *lookup.Table
}

func followReal(t *testing.T) *real {
	if testing.Short() {
		t.Skip("the real server takes seconds")
	}
	r := &real{T: t, RealServer: lapitest.Real(t), table: &lookup.Table{}}
	c, err := New(Config{URL: r.URL, Key: r.Key, Interval: minInterval})
	if err != nil {
		t.Fatal(err)
	}
	r.client = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx, r.table) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// until waits for a state of the client or the table.
func (r *real) until(what string, ok func() bool) {
	r.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			r.Fatalf("waited in vain: %s; status %+v", what, r.client.Status())
		}
	}
}

func (r *real) untilAction(ip string, want lookup.Action) {
	r.Helper()
	r.until(ip+" "+want.String(), func() bool {
		d, _ := r.table.Lookup(addr(ip))
		return d.Action == want
	})
}

func TestRealDecisionsComeAndGo(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Ban("198.51.100.0/24", "4h")
	r.untilAction("198.51.100.200", lookup.Ban)
	r.Ban("2001:db8::/48", "4h")
	r.untilAction("2001:db8::1", lookup.Ban)
	r.Decide("192.0.2.1", "captcha", "1h")
	r.until("a captcha beside the ban", func() bool { return len(r.table.Covering(addr("192.0.2.1"))) == 2 })
	r.Cscli("decisions", "delete", "--ip", "192.0.2.1", "--type", "ban")
	r.untilAction("192.0.2.1", lookup.Captcha)
	r.Delete("192.0.2.1")
	r.untilAction("192.0.2.1", lookup.None)
	r.Ban("192.0.2.2", "2s")
	r.untilAction("192.0.2.2", lookup.Ban)
	r.untilAction("192.0.2.2", lookup.None)
}

func TestRealServerIsKilledAndComesBack(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Kill()
	r.until("failures", func() bool { return r.client.Status().Failures > 0 })
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Restart()
	r.until("recovery", func() bool { return r.client.Status().Failures == 0 })
	r.Ban("192.0.2.2", "4h")
	r.untilAction("192.0.2.2", lookup.Ban)
}

func TestRealKeyIsTakenBackAndGivenAgain(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.DeleteBouncer(lapitest.DefaultBouncer)
	r.until("a refused key", func() bool { return isForbidden(r.client.Status().Err) })
	r.untilAction("192.0.2.1", lookup.Ban)
	r.AddBouncer(lapitest.DefaultBouncer, r.Key)
	r.until("recovery", func() bool { return r.client.Status().Err == nil })
}

func TestRealDatabaseIsMadeAnew(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	key := r.Key
	r.DropDatabase(key)
	// The old decisions are gone for good; that the table learns of it takes a
	// full answer, which follows from the failures in between or the resync.
	r.Ban("192.0.2.2", "4h")
	r.untilAction("192.0.2.2", lookup.Ban)
}
