package centre

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Every option has a row in the reference, and every row is an option.
func TestTheReferenceHasEveryOption(t *testing.T) {
	err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("tocsin_community {\nnonsense\n}"))
	if err == nil {
		t.Fatal("an unknown option is accepted")
	}
	_, list, _ := strings.Cut(err.Error(), "want one of ")
	list, _, _ = strings.Cut(list, ", at ")
	options := strings.Split(list, ", ")
	text, err := os.ReadFile("../../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## tocsin_community\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)").FindAllStringSubmatch(section, -1) {
		rows = append(rows, m[1])
	}
	slices.Sort(rows)
	if !slices.Equal(rows, options) {
		t.Errorf("rows %q, options %q", rows, options)
	}
}
