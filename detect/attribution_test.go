package detect

import (
	"fmt"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// Requests that another page may have caused are counted, with a mild consequence.
func TestUnmarkedRequestsAreMild(t *testing.T) {
	shell := func(whose ...event.Attribution) (got []string) {
		d := New(Config{Rules: builtinRules(t)})
		for i, whose := range whose {
			e := step{target: []string{"/c99.php", "/wso.php", "/r57.php"}[i], status: 404, whose: whose}.event(began)
			for _, a := range append(d.Request(e), d.Response(e)...) {
				if a.Scenario == "tocsin/http-backdoors" {
					got = append(got, fmt.Sprintf("mild %v, reflected %v, at %d", a.Mild, a.Reflected, i+1))
				}
			}
		}
		return got
	}
	for _, row := range []struct {
		name  string
		whose []event.Attribution
		want  string
	}{
		{"the client's own", []event.Attribution{event.Own, event.Own}, "[mild false, reflected false, at 2]"},
		{"perhaps another page's", []event.Attribution{event.Unmarked, event.Unmarked}, "[mild true, reflected false, at 2]"},
		{"one perhaps another page's", []event.Attribution{event.Unmarked, event.Own}, "[mild true, reflected false, at 2]"},
		{"the other", []event.Attribution{event.Own, event.Unmarked}, "[mild true, reflected false, at 2]"},
		{"another page's, which are counted apart", []event.Attribution{event.Foreign, event.Unmarked, event.Foreign}, "[mild false, reflected true, at 3]"},
	} {
		if got := fmt.Sprint(shell(row.whose...)); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
