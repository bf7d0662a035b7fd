package caddymodule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/internal/golden"
)

// scenariosPage returns docs/scenarios.md, the list of the built-in scenarios, from their
// files. `go test ./caddymodule -run TestTheListOfScenarios -update` writes it.
func scenariosPage(t *testing.T) string {
	t.Helper()
	rules, err := detect.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	all := newScenarios(rules, new(Detect), Local{}, nil)
	var b strings.Builder
	b.WriteString("# Built-in scenarios\n\n" +
		"Made from [detect/builtin](../detect/builtin) by `go test ./caddymodule -run TestTheListOfScenarios -update`: change those files, not this one.\n\n" +
		"Each client is counted separately; a /64 of IPv6 is one client. \"More than one in 10s for long\" means that a client which goes on at this speed reaches the\n" +
		"limit in the end. `tocsin scenarios` shows this list for a running server, with the effect of `policy` and `local`, CrowdSec's scenarios, your own, and the\n" +
		"number of alerts of each.\n\n" +
		"| scenario | limit | leads to | checked | what it does |\n|---|---|---|---|---|\n")
	for i := range all.Scenarios {
		s := &all.Scenarios[i]
		checked := "before the site gets the request"
		if s.Phase == "response" {
			checked = "after the response"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.Threshold(), s.Outcome(), checked, strings.ReplaceAll(s.Description, "|", `\|`))
	}
	return b.String()
}

func TestTheListOfScenariosIsUpToDate(t *testing.T) {
	golden.File(t, "../docs/scenarios.md", scenariosPage(t), *update, "go test ./caddymodule -run TestTheListOfScenarios -update")
}
