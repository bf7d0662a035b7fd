package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// Requests that other pages make a browser send do not count as the user's own, in any
// scenario. For a guard, which makes no decision about a client, they count like all
// others.
func TestWhatOthersSendIsReflected(t *testing.T) {
	d, at := New(Config{Rules: builtinRules(t)}), began
	for _, row := range attackRows() {
		for _, whose := range []event.Attribution{event.Foreign, event.Embedded} {
			alerted := false
			at = at.Add(100 * time.Hour) // all that was before is forgotten
			for i := range row.least {
				s := row.next(i)
				s.whose = whose
				e := s.event(at)
				for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
					alerted = alerted || a.Scenario == "tocsin/"+row.scenario
					if a.Reflected == (a.Guard != event.NoGuard) {
						t.Errorf("%s, %s, %v: reflected is %v of %s, a guard of %q", row.scenario, row.attack, whose, a.Reflected, a.Scenario, a.Guard)
					}
				}
			}
			// What pages have browsers miss guards nobody's network.
			if alerted == (row.scenario == "http-probing-guard") {
				t.Errorf("%s, %s, %v: no alert, or one too many", row.scenario, row.attack, whose)
			}
			if n := d.Stats().Clients; n > 0 && d.clients.behaviour(keyOf(event.ClientOf(row.next(0).event(at).Client)), at.UnixNano()).found > 0 {
				t.Errorf("%s, %s, %v: it found something", row.scenario, row.attack, whose)
			}
		}
	}
}

// A client's own requests and those that other pages cause are counted apart: neither
// brings the other nearer to an alert.
func TestReflectedBucketsAreApart(t *testing.T) {
	rules, at := builtinRules(t), began
	d := New(Config{Rules: rules})
	for _, row := range attackRows() {
		if row.least == 1 {
			continue
		}
		at = at.Add(100 * time.Hour)
		overflows := d.Stats().Scenarios["tocsin/"+row.scenario].Overflows
		for i := range row.least {
			s := row.next(i)
			if i < row.least-1 {
				s.whose = event.Foreign
			}
			e := s.event(at)
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				switch {
				case a.Scenario != "tocsin/"+row.scenario:
				case a.Guard == event.NoGuard:
					t.Errorf("%s, %s: the last of %d requests alerts alone, reflected %v", row.scenario, row.attack, row.least, a.Reflected)
				case i < row.least-1:
					t.Errorf("%s, %s: the guard is up after %d of %d", row.scenario, row.attack, i+1, row.least)
				}
			}
		}
		if d.Stats().Scenarios["tocsin/"+row.scenario].Overflows == overflows && slices.ContainsFunc(rules.scenarios, func(s *scenario) bool {
			return s.name == "tocsin/"+row.scenario && s.guard == event.GuardPlace
		}) {
			t.Errorf("%s, %s: the guard does not count what others send", row.scenario, row.attack)
		}
	}
}

// Which of two attributions does not matter: both are others' doing.
func TestForeignAndEmbeddedAreOneBucket(t *testing.T) {
	d, alerted := New(Config{Rules: builtinRules(t)}), false
	for i, target := range []string{"/.env", "/.git/config", "/wp-config.php~"} {
		e := step{target: target, status: 404, whose: []event.Attribution{event.Foreign, event.Embedded}[i%2]}.event(began)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			alerted = alerted || a.Reflected && a.Scenario == "tocsin/http-secret-files"
		}
	}
	if !alerted {
		t.Error("three files of secrets, sent by turns from elsewhere and as pictures, raise no alert")
	}
}

// An alert about what others sent tells of all places that it was sent to, so that none
// of them is taken for one that only serves other pages. It tells of nine at most, and
// of none where the client itself did it.
func TestAReflectedAlertTellsOfAllPlaces(t *testing.T) {
	logins := func(places int) func(i int) step {
		return func(i int) step {
			return step{target: "/" + letters(i%places) + "/login", body: fmt.Sprint("user=a&password=x", i), status: 401}
		}
	}
	for _, row := range []struct {
		name  string
		whose event.Attribution
		next  func(i int) step
		want  int
	}{
		{"one place", event.Foreign, logins(1), 1},
		{"two by turns", event.Foreign, logins(2), 2},
		{"three by turns, as pictures", event.Embedded, logins(3), 3},
		{"one after the other", event.Foreign, logins(100), 6},
		{"more than are told of", event.Foreign, missingPage, 9},
		{"the client itself", event.Own, logins(2), 0},
	} {
		d := New(Config{Rules: builtinRules(t)})
		var got []event.Alert
		for i := 0; len(got) == 0 && i < 100; i++ {
			s := row.next(i)
			s.whose = row.whose
			e := s.event(began)
			got = slices.Concat(d.Request(e), d.Response(e))
		}
		if len(got) != 1 || len(got[0].Places) != row.want {
			t.Errorf("%s: %+v, want one alert about %d places", row.name, got, row.want)
		}
	}
}
