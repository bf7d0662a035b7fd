package builtin

import (
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// adminOnly are the rows that only people who run a site send, and where a captcha is what
// they get for it: by the text, with the reason.
var adminOnly = map[string]string{}

// What honest people and programs send is not stopped, and but for a few rows that
// only admins send nobody is asked either.
func TestHonestRequests(t *testing.T) {
	rules := own(t)
	rows := corpus(t, "honest/*.txt")
	if len(rows) < 300 {
		t.Errorf("%d rows, want 300", len(rows))
	}
	asked := 0
	for i := range rows {
		s := rows[i].request(t)
		c, name := strongest(s.matches(rules))
		switch {
		case c == waf.Certain, c == waf.Likely && adminOnly[rows[i].text] == "":
			t.Errorf("%v: %s", &rows[i], name)
		case c == waf.Likely:
			asked++
		}
	}
	if asked > 5 {
		t.Errorf("%d rows of admins are asked, want few", asked)
	}
}

// Who searches for an attack by its text, on a site about attacks, is asked once. It is no
// less an attack where it is no search.
func TestSearchesForAttacks(t *testing.T) {
	rules := own(t)
	for _, r := range corpus(t, "asked.txt") {
		s := r.request(t)
		if c, name := strongest(s.matches(rules)); c != waf.Likely {
			t.Errorf("%v: %v by %s, want it likely", &r, c, name)
		}
		r.name = "id"
		s = r.request(t)
		if c, name := strongest(s.matches(rules)); c != waf.Certain {
			t.Logf("%v: %v by %s", &r, c, name)
		}
	}
}

// What is honest in one place of a body is so in another, and what people search for is so
// as a name or a title.
func TestHonestElsewhere(t *testing.T) {
	rules := own(t)
	for _, r := range corpus(t, "honest/*.txt") {
		if r.where != "form" && r.where != "json" && (r.where != "arg" || r.name != "q") || r.name == "password" {
			continue
		}
		for _, place := range [][2]string{{"form", "text"}, {"json", "comment"}, {"field", "title"}} {
			r.where, r.name = place[0], place[1]
			s := r.request(t)
			if c, name := strongest(s.matches(rules)); c <= waf.Likely {
				t.Errorf("%v: %s", &r, name)
			}
		}
	}
}
