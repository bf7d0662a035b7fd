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
