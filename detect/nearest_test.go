package detect

import (
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestNamesThatAreAlikeAreFound(t *testing.T) {
	names := []string{"tocsin/http-probing", "tocsin/http-login-bf", "tocsin/http-login-bf-slow", "own/trap"}
	for _, row := range []struct {
		name string
		want []string
	}{
		{"crowdsecurity/http-probing", []string{"tocsin/http-probing"}},
		{"http-probing", []string{"tocsin/http-probing"}},
		{"tocsin/HTTP-Probin", []string{"tocsin/http-probing"}},
		{"tocsin/http-login-fb", []string{"tocsin/http-login-bf"}},
		{"own/trpa", nil},
		{"own/tra", []string{"own/trap"}},
		{"no/such", nil},
		{"", nil},
	} {
		if got := nearest(row.name, names); !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, want %q", row.name, got, row.want)
		}
	}
}

// The distance is that of its definition.
func TestDistance(t *testing.T) {
	var slow func(a, b string) int
	slow = func(a, b string) int {
		switch {
		case a == "" || b == "":
			return len(a) + len(b)
		case a[0] == b[0]:
			return slow(a[1:], b[1:])
		}
		return 1 + min(slow(a[1:], b), slow(a, b[1:]), slow(a[1:], b[1:]))
	}
	words := []string{"", "a", "ab", "ba", "abba", "baab", "kitten", "sitting", "probing", "probin"}
	for _, a := range words {
		for _, b := range words {
			if got, want := distance(a, b), slow(a, b); got != want {
				t.Errorf("%q, %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestScenariosSayTheirThresholds(t *testing.T) {
	rules, err := Parse("a.yaml", []byte("type: leaky\nname: own/slow\nfilter: evt.Meta.http_status == '404'\ngroupby: evt.Meta.source_ip\n"+
		"distinct: evt.Parsed.clean_path\ncapacity: 5\nleakspeed: 10s\nblackhole: 1m\nlabels:\n  remediation: true\n  action: captcha\n"+
		"---\ntype: trigger\nname: own/first\nfilter: evt.Meta.http_path == '/a'\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rules, err = rules.With(map[string]Policy{"own/slow": {Action: lookup.Ban, Duration: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	all := rules.Scenarios()
	slow, first := all[0], all[1]
	if slow.Trigger || slow.Capacity != 5 || slow.Leak != 10*time.Second || slow.Blackhole != time.Minute || slow.GroupBy != "evt.Meta.source_ip" ||
		slow.Distinct != "evt.Parsed.clean_path" || slow.Action != lookup.Ban || slow.Duration != time.Hour || !slow.Late {
		t.Errorf("%+v", slow)
	}
	if !first.Trigger || first.Capacity != 0 || first.Leak != 0 || first.GroupBy != "" || first.Distinct != "" || first.Action != lookup.None || first.Late {
		t.Errorf("%+v", first)
	}
}
