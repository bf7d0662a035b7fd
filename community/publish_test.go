package community

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

func TestWhatIsUsualInAnHour(t *testing.T) {
	var a additions
	a.turnTo(1000)
	a.Counts[167] = 500
	for h := int64(1001); h < 1024; h++ {
		a.turnTo(h)
		a.Counts[167] = 40
	}
	if m := a.median(); m != 0 {
		t.Errorf("after 23 hours %d are usual; want nothing known yet", m)
	}
	a.turnTo(1024)
	a.Counts[167] = 10_000 // the hour under way
	if m := a.median(); m != 40 {
		t.Errorf("after a day %d are usual; want 40", m)
	}
	a.turnTo(1024 + 2*24)
	if m := a.median(); m != 0 {
		t.Errorf("after two hours of rest for each of work %d are usual; want 0", m)
	}
	a.turnTo(1024 + 1000)
	for i, n := range a.Counts {
		if n != 0 {
			t.Fatalf("after weeks hour %d has %d", i, n)
		}
	}
	if a.Hour != 2024 || a.From != 1000 {
		t.Errorf("hour %d from %d", a.Hour, a.From)
	}
	a.turnTo(1500) // the clock goes back
	if a.Hour != 2024 {
		t.Errorf("hour %d", a.Hour)
	}
}

func TestWhenReadersHear(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ban := Listing{Action: consensus.Ban, Until: at}
	for _, tc := range []struct {
		name string
		is   Listing
		want bool
	}{
		{"the same", ban, true},
		{"surer", Listing{Action: consensus.Ban, Until: at, Surety: 5}, true},
		{"14 minutes more", Listing{Action: consensus.Ban, Until: at.Add(14 * time.Minute)}, true},
		{"15 minutes more", Listing{Action: consensus.Ban, Until: at.Add(15 * time.Minute)}, false},
		{"15 minutes less", Listing{Action: consensus.Ban, Until: at.Add(-15 * time.Minute)}, false},
		{"a challenge", Listing{Action: consensus.Captcha, Until: at}, false},
		{"over", Listing{}, false},
		{"another list", Listing{Action: consensus.Ban, Until: at, List: consensus.TorList}, false},
	} {
		if got := tc.is.sameAs(ban); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	if !(Listing{Until: at}).sameAs(Listing{}) {
		t.Error("what is not listed has changed")
	}
}
