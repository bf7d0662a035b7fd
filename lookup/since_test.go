package lookup

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// Of several decisions with the action that wins, the last one says since when: a pass
// from before it does not count, however long the others last.
func TestTheLastDecisionWithTheActionSaysSinceWhen(t *testing.T) {
	type said struct {
		after  time.Duration
		source string
		prefix string
		action Action
		lasts  time.Duration // 0: for ever
	}
	const minute, hour = time.Minute, time.Hour
	for _, row := range []struct {
		name  string
		said  []said
		since time.Duration
	}{
		{"one", []said{{minute, "list", "192.0.2.1/32", Captcha, 0}}, minute},
		{"the last one ends first", []said{{0, "list", "192.0.2.1/32", Captcha, 0}, {minute, "local", "192.0.2.1/32", Captcha, hour}}, minute},
		{"the last one ends last", []said{{0, "list", "192.0.2.1/32", Captcha, hour}, {minute, "local", "192.0.2.1/32", Captcha, 2 * hour}}, minute},
		{"the last one is about a range", []said{{0, "list", "192.0.2.1/32", Captcha, 0}, {minute, "lapi", "192.0.2.0/24", Captcha, hour}}, minute},
		{"the first one is about a range", []said{{0, "lapi", "192.0.2.0/24", Captcha, 0}, {minute, "local", "192.0.2.1/32", Captcha, hour}}, minute},
		{"a weaker one counts for nothing", []said{{0, "list", "192.0.2.1/32", Captcha, hour}, {minute, "lapi", "192.0.2.0/24", Throttle, 0}}, 0},
		{"a stronger one counts alone", []said{{minute, "list", "192.0.2.1/32", Captcha, 0}, {0, "lapi", "192.0.2.0/24", Ban, hour}}, minute},
		{"one that is over counts for nothing", []said{{0, "list", "192.0.2.1/32", Captcha, 0}, {minute, "local", "192.0.2.1/32", Captcha, minute}}, 0},
		{"other addresses count for nothing", []said{{0, "list", "192.0.2.1/32", Captcha, hour}, {minute, "local", "192.0.2.2/32", Captcha, 0}}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tab := time.Now(), new(Table)
				for _, s := range row.said {
					<-time.After(s.after)
					d := Decision{Prefix: netip.MustParsePrefix(s.prefix), Action: s.action}
					if s.lasts > 0 {
						d.Until = time.Now().Add(s.lasts)
					}
					tab.Update(s.source, []Decision{d}, nil)
				}
				<-time.After(10 * time.Minute)
				d, ok := tab.Lookup(netip.MustParseAddr("192.0.2.1"))
				if got := d.Since.Sub(began); !ok || got != row.since {
					t.Errorf("since %v, want %v", got, row.since)
				}
			})
		})
	}
}

func TestTheStrongerOfTwoHasTheLaterStart(t *testing.T) {
	at := func(minutes int) time.Time { return time.Unix(int64(60*minutes), 0) }
	older := Decision{Action: Captcha, Source: "a", Since: at(1)}
	newer := Decision{Action: Captcha, Source: "b", Since: at(2), Until: at(9)}
	ban := Decision{Action: Ban, Source: "c", Since: at(0)}
	for _, row := range []struct {
		name   string
		a, b   Decision
		source string
		since  time.Time
	}{
		{"the newer one ends first", older, newer, "a", at(2)},
		{"in the other order", newer, older, "a", at(2)},
		{"another action", older, ban, "c", at(0)},
		{"another action, in the other order", ban, newer, "c", at(0)},
		{"nothing", older, Decision{}, "a", at(1)},
	} {
		if d := row.a.With(row.b); d.Source != row.source || !d.Since.Equal(row.since) {
			t.Errorf("%s: of %s since %v, want %s since %v", row.name, d.Source, d.Since, row.source, row.since)
		}
	}
}
