package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// logsIn returns what a site answers to a name: a redirect back, or into it.
func logsIn(user, password string, right bool) step {
	s := step{target: "/login", body: "user=" + user + "&password=" + password, status: 302, location: "/login"}
	if right {
		s.location, s.cookie = "/home", "s="+user
	}
	return s
}

// A slow client is challenged by the thirtieth failure, and never banned.
func TestSlowGuessingIsSeen(t *testing.T) {
	wrong := func(i int) step { return logsIn(fmt.Sprint("u", i), "Summer2026", false) }
	for _, row := range []struct {
		name  string
		gap   time.Duration
		next  func(i int) step
		guard event.Guard
	}{
		{"one address, a new name each 130 s", 130 * time.Second, wrong, event.NoGuard},
		{"one address, a new name each 10 min", 10 * time.Minute, wrong, event.NoGuard},
		{"by WordPress", 130 * time.Second, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin(fmt.Sprint("u", i), "Summer2026")}
		}, event.NoGuard},
		{"by JSON", 130 * time.Second, func(i int) step {
			return step{target: "/api/login", form: mediaJSON, body: fmt.Sprintf(`{"user":"u%d","password":"x"}`, i), status: 401}
		}, event.NoGuard},
		{"by Basic", 130 * time.Second, func(i int) step { return step{target: "/", auth: fmt.Sprintf("u%d:x", i), status: 401} }, event.NoGuard},
		{"by Digest", 130 * time.Second, func(i int) step {
			return step{target: "/", auth: fmt.Sprintf(`Digest username="u%d", response="%s"`, i, digits(i, 32)), status: 401}
		}, event.NoGuard},
		{"passwords without a name", 61 * time.Second, func(i int) step {
			return step{target: "/share/login", body: fmt.Sprint("password=p", i), status: 401}
		}, event.NoGuard},
		{"one-time codes", 61 * time.Second, func(i int) step {
			return step{target: "/2fa", body: fmt.Sprintf("code=%06d", i), status: 401}
		}, event.NoGuard},

		{"many addresses, a try each 40 s", 40 * time.Second, elsewhere(wrong), event.GuardPlace},
		{"many addresses, a try each 60 s", time.Minute, elsewhere(wrong), event.GuardPlace},
		{"many addresses, a try each 2 min", 2 * time.Minute, elsewhere(wrong), event.GuardPlace},
		{"many addresses, codes", time.Minute, elsewhere(func(i int) step {
			return step{target: "/2fa", body: fmt.Sprintf("code=%06d", i), status: 401}
		}), event.GuardPlace},
		{"many addresses, and one logs in by an account of his own each time", time.Minute, elsewhere(func(i int) step {
			if i%2 == 0 {
				return logsIn("mallory", "right", true)
			}
			return wrong(i)
		}), event.GuardPlace},
	} {
		d, at, failures, alerted := New(Config{Rules: builtinRules(t)}), began, 0, 0
		for i := 0; alerted == 0 && i < 100; i++ {
			s := row.next(i)
			e := s.event(at)
			if s.cookie == "" {
				failures++
			}
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Guard == row.guard {
					alerted = failures
				}
				if a.Guard == event.NoGuard && (a.Action != lookup.Captcha || !a.Mild) {
					t.Errorf("%s: %s leads to %v, mild %v", row.name, a.Scenario, a.Action, a.Mild)
				}
			}
			at = at.Add(row.gap)
		}
		if alerted == 0 || alerted > 30 {
			t.Errorf("%s: alerted at failure %d, want 30 at the latest", row.name, alerted)
		}
	}
}

// elsewhere returns steps that each come from another network.
func elsewhere(next func(int) step) func(int) step {
	return func(i int) step {
		s := next(i)
		s.client = fmt.Sprintf("96.%d.%d.7", 1+i/200%200, 1+i%200)
		return s
	}
}

// People on large sites mistype, forget and give up all day: none of them is challenged
// for it.
func TestHonestFailuresAreNotTakenForSlowGuessing(t *testing.T) {
	skipUnderRace(t)
	for _, row := range []struct {
		name  string
		hours int
		rate  int // attempts an hour
		next  func(i int) step
	}{
		{"a large site, on which one in five gives up", 24, 400, elsewhere(func(i int) step {
			return logsIn(fmt.Sprint("u", i), "x", i%5 != 0)
		})},
		{"a very large one", 4, 4000, elsewhere(func(i int) step { return logsIn(fmt.Sprint("u", i), "x", i%5 != 0) })},
		{"a site on which as many give up as get in", 24, 60, elsewhere(func(i int) step {
			return logsIn(fmt.Sprint("u", i), "x", i%2 != 0)
		})},
		{"a small one", 48, 6, elsewhere(func(i int) step { return logsIn(fmt.Sprint("u", i%9), fmt.Sprint("p", i), i%4 != 0) })},
		{"an office of 50 behind one address, with new passwords", 1, 100, func(i int) step {
			return logsIn(fmt.Sprint("u", i/2), fmt.Sprint("p", i), i%2 != 0)
		}},
		{"an office of 50 behind one address, three of whom have left", 24, 20, func(i int) step {
			if i%10 == 9 {
				return logsIn(fmt.Sprint("left", i%3), "old", false)
			}
			return logsIn(fmt.Sprint("u", i%50), fmt.Sprint("p", i), true)
		}},
	} {
		d, at := New(Config{Rules: builtinRules(t)}), began
		for i := range row.hours * row.rate {
			e := row.next(i).event(at)
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				t.Errorf("%s: %s after %v", row.name, a.Scenario, at.Sub(began))
			}
			at = at.Add(time.Hour / time.Duration(row.rate))
		}
	}
}
