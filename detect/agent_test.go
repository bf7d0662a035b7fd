package detect

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

func TestAgentProducts(t *testing.T) {
	for agent, want := range map[string]string{
		"":            "",
		"curl/8.5.0":  "curl/8.5.0",
		"sqlmap/1.8 ": "sqlmap/1.8 ",
		"Mastodon/4.2 (http.rb/5.1.1; +https://nikto.example/)": "Mastodon/4.2 (http.rb/5.1.1; +)",
		"synapse/1.99 (brutus.example)":                         "synapse/1.99 ()",
		"bot (mail admin@wpscan.example)":                       "bot (mail )",
		"sqlmap/1.8#stable (https://sqlmap.org)":                "sqlmap/1.8#stable ()",
		"Nuclei - Open-source project (github.com/x/nuclei)":    "Nuclei - Open-source project (github.com/x/nuclei)",
		"Mozilla/5.0 (compatible; Nikto/2.5.0)":                 "Mozilla/5.0 (compatible; Nikto/2.5.0)",
		"a.b c. .d 1.2 x.9":                                     " c. .d 1.2 x.9",
	} {
		if got := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), UserAgent: agent})["Parsed.agent_products"]; got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

// FuzzAgentProducts holds that what is left was there before, in the same order, and
// names no host.
func FuzzAgentProducts(f *testing.F) {
	f.Add("Mastodon/4.2 (http.rb/5.1.1; +https://nikto.example/)")
	f.Add("a.b,c.d;e@f\xff.x")
	f.Fuzz(func(t *testing.T, agent string) {
		v := view{evt: &event.Event{UserAgent: agent}}
		got, ok := v.agentProducts()
		if !ok || len(got) > 16_384 {
			t.Errorf("%d bytes, %v", len(got), ok)
		}
		rest := clip(agent)
		for i := range len(got) {
			at := strings.IndexByte(rest, got[i])
			if at < 0 {
				t.Fatalf("%q is no part of %q", got, agent)
			}
			rest = rest[at+1:]
		}
		if strings.Contains(got, "://") && !strings.Contains(got, " ") && strings.Contains(agent, ".") && !strings.ContainsAny(agent, ";,()[]<>\"'+") {
			t.Errorf("%q names a host", got)
		}
	})
}
