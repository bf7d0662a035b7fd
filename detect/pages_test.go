package detect

import (
	"fmt"
	"testing"
	"time"
)

// A client that requests a page that existed before has a link to it: it is gone, or
// needs a login now. A search requests pages that never existed.
func TestWhatWasThereIsNoSearch(t *testing.T) {
	served := func(i int) step { s := page(i); s.target, s.client = "/"+letters(i), "203.0.113.9"; return s }
	for _, row := range []struct {
		name   string
		before func(i int) step // that somebody else asks for
		next   func(i int) step
		want   int // the request that alerts; 0: none does
	}{
		{"tabs that are restored after a relaunch", served, missingPage, 0},
		{
			"the same, by an old address of a script", func(i int) step { s := served(i); s.target += ".php"; return s },
			func(i int) step { s := missingPage(i); s.target += ".php"; return s }, 0,
		},
		{"tabs whose session has ended", served, func(i int) step {
			return step{target: "/" + letters(i), status: 302, location: "/login"}
		}, 0},
		{"pages that never were", func(i int) step { return served(1000 + i) }, missingPage, 10},
		{"pages that never were, and a login", func(i int) step { return served(1000 + i) }, func(i int) step {
			return step{target: "/" + letters(i), status: 302, location: "/login"}
		}, 13},
		{"pages of another site", func(i int) step { s := served(i); s.host = "other.example"; return s }, missingPage, 10},
		{"pages that were missing before", func(i int) step { s := served(i); s.status = 404; return s }, missingPage, 10},
		{"pages that somebody may not see", served, func(i int) step { return step{target: "/" + letters(i), status: 403} }, 10},
	} {
		d := New(Config{Rules: builtinRules(t)})
		for i := range 30 {
			s := row.before(i)
			s.client = fmt.Sprintf("203.0.113.%d", i)
			d.Response(s.event(began))
		}
		if got := firstAlert(d, "http-probing", 100*time.Millisecond, 30, row.next); got != row.want {
			t.Errorf("%s: alerted at %d, want %d", row.name, got, row.want)
		}
	}
}

// However many pages there are, the last ones are known, and few that never were.
func TestPagesAreBounded(t *testing.T) {
	h := newSiteMemory()
	number := func(i int) uint64 { return h.page(fmt.Sprint("/", i)) }
	const last = 200_000
	for i := range last {
		h.pages.add(number(i))
	}
	lost, wrong := 0, 0
	for i := range 10_000 {
		if !h.pages.had(number(last - 1 - i)) {
			lost++
		}
		if h.pages.had(number(last + i)) {
			wrong++
		}
	}
	if lost > 0 || wrong > 60 { // one in 512 at most are expected, which is 20
		t.Errorf("of 10000 pages %d are forgotten, and %d that never were are known", lost, wrong)
	}
	if h.pages.had(number(0)) && h.pages.had(number(1)) && h.pages.had(number(2)) {
		t.Error("the first ones are known for ever")
	}
}

// A small site has no page in common with what never was: otherwise whether a search is
// noticed, and after how many pages, would be chance.
func TestFewPagesHideNoSearch(t *testing.T) {
	wrong := 0
	for range 20 { // each with a seed of its own
		h := newSiteMemory()
		for i := range 200 {
			h.pages.add(h.page(fmt.Sprint("/", i)))
		}
		for i := range 10_000 {
			if h.pages.had(h.page(fmt.Sprint("/missing/", i))) {
				wrong++
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%d of 200000 pages that never were are known, want 1 at most", wrong)
	}
}
