package caddymodule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/internal/golden"
)

// scenariosPage is docs/scenarios.md: what the built-in scenarios are, by their
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
		"What is counted is counted for each client, an IPv6 client by its /64. `tocsin scenarios` lists the same for a running server, with `policy` and `local` as\n" +
		"they are there, CrowdSec's scenarios and your own, and how often each has fired.\n\n" +
		"| scenario | too many | leads to | asked | what it does |\n|---|---|---|---|---|\n")
	for i := range all.Scenarios {
		s := &all.Scenarios[i]
		asked := "before the request goes on"
		if s.Phase == "response" {
			asked = "once it is answered"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.Threshold(), s.Outcome(), asked, strings.ReplaceAll(s.Description, "|", `\|`))
	}
	return b.String()
}

func TestTheListOfScenariosIsUpToDate(t *testing.T) {
	golden.File(t, "../docs/scenarios.md", scenariosPage(t), *update, "go test ./caddymodule -run TestTheListOfScenarios -update")
}
