package middleware

import (
	"net/netip"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name string
		left time.Duration // 0: no end
		want time.Duration
	}{
		{"whole seconds stay", 42 * time.Second, 42 * time.Second},
		{"a fraction is rounded up", 41*time.Second + time.Nanosecond, 42 * time.Second},
		{"it is a second at least", time.Millisecond, time.Second},
		{"a decision that ended just now still says a second", -5 * time.Second, time.Second},
		{"it is a day at most", 1000 * time.Hour, 24 * time.Hour},
		{"without an end it is a day", 0, 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := lookup.Decision{Action: lookup.Throttle}
				if c.left != 0 {
					d.Until = time.Now().Add(c.left)
				}
				if got := newStop(d, netip.Addr{}).RetryAfter; got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestABanInvitesNobodyBack(t *testing.T) {
	d := lookup.Decision{Action: lookup.Ban, Until: time.Now().Add(time.Hour)}
	if got := newStop(d, netip.Addr{}).RetryAfter; got != 0 {
		t.Errorf("RetryAfter is %v, want 0", got)
	}
}

func TestRefsAreShortPlainAndDiffer(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{10}$`)
	seen, digits := map[string]bool{}, map[rune]bool{}
	for range 1000 {
		ref := newRef()
		if !form.MatchString(ref) {
			t.Fatalf("reference %q", ref)
		}
		if seen[ref] {
			t.Fatalf("reference %q came twice", ref)
		}
		seen[ref] = true
		for _, d := range ref {
			digits[d] = true
		}
	}
	if len(digits) != 32 {
		t.Errorf("%d different digits in 1000 references, want 32", len(digits))
	}
}
