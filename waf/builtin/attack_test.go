package builtin

import (
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// Every attack of the corpus is stopped at its first request, or asked.
func TestAttacks(t *testing.T) {
	rules := own(t)
	rows := corpus(t, "attacks/*.txt")
	if len(rows) < 200 {
		t.Errorf("%d rows, want 200", len(rows))
	}
	likely := 0
	for i := range rows {
		s := rows[i].request(t)
		switch c, name := strongest(s.matches(rules)); {
		case c > waf.Likely:
			t.Errorf("%v: passes (%s)", &rows[i], name)
		case c == waf.Likely:
			likely++
			t.Logf("%v: %s", &rows[i], name)
		}
	}
	t.Logf("%d of %d are likely only", likely, len(rows))
}
