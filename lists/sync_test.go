package lists

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestSyncReadsAFileThatLooksTheSame(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		r.event(10 * time.Second) // what was written just now has been read again
		r.table.Forget(lookup.Decision{Prefix: netip.MustParsePrefix("192.0.2.1/32")})
		r.event(10 * time.Second)
		r.holds() // as long as nobody asks
		before := r.Status().Synced
		r.Sync()
		r.Sync()
		pass(time.Millisecond)
		r.holds("192.0.2.1/32")
		if s := r.Status(); !s.Synced.After(before) || s.Err != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestSyncBelievesNothingSooner(t *testing.T) {
	long := strings.Repeat("192.0.2.1\n", 2)
	for i := range 40 {
		long += "198.51.100." + string(rune('1'+i/10)) + string(rune('0'+i%10)) + "\n"
	}
	inBubble(t, long, func(r *rig) {
		r.run()
		r.write("192.0.2.1\n")
		r.event(2 * quiet)
		for range 5 {
			r.Sync()
			pass(time.Second)
		}
		if n := r.table.Len(); n != 41 || r.Status().Err == nil {
			t.Errorf("%d entries, %v", n, r.Status().Err)
		}
		pass(time.Minute)
		r.holds("192.0.2.1/32")
	})
}

func TestSyncFetchesNoSoonerThanIsPolite(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		r.Sync() // before Run: the first fetch is as good
		r.run()
		r.wantFetches("at the start", 1)
		r.send("192.0.2.2\n")
		pass(59 * time.Second)
		r.Sync()
		r.Sync()
		pass(time.Millisecond)
		r.wantFetches("within a minute", 1)
		if next := time.Until(r.Status().Next); next > time.Second {
			t.Errorf("the next fetch is in %v", next)
		}
		pass(time.Second)
		r.wantFetches("after a minute", 2)
		r.holds("192.0.2.2/32")

		pass(10 * time.Minute)
		r.does(status(http.StatusTooManyRequests, "Retry-After", "600", ""))
		r.Sync()
		pass(time.Millisecond)
		r.wantFetches("long after", 3)
		r.send("192.0.2.3\n")
		pass(9 * time.Minute)
		r.Sync()
		pass(time.Second)
		r.wantFetches("as long as the server asks to be left alone", 3)
		pass(time.Minute)
		r.wantFetches("then", 4)
		r.holds("192.0.2.3/32")
		pass(59 * time.Minute)
		r.wantFetches("within the interval", 4)
	})
}

func TestSyncKnowsNoBackOff(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		r.does(status(http.StatusNotFound, "Content-Type", "text/plain", "no such list"))
		r.run()
		r.send("192.0.2.1\n")
		pass(2 * time.Minute)
		r.wantFetches("after a refusal, which is final for an hour", 1)
		r.Sync()
		pass(time.Millisecond)
		r.wantFetches("when an operator has seen to it", 2)
		r.holds("192.0.2.1/32")
	})
}

func (r *urlRig) wantFetches(when string, want int) {
	r.t.Helper()
	if n := len(r.Requests()); n != want {
		r.t.Errorf("%s: %d fetches, want %d", when, n, want)
	}
}
