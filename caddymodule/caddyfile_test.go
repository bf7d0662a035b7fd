package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tocsin-project/tocsin/caddymodule/centre"
	_ "github.com/tocsin-project/tocsin/caddymodule/challenges"
	_ "github.com/tocsin-project/tocsin/caddymodule/inspectors"
	_ "github.com/tocsin-project/tocsin/caddymodule/sources"
)

var update = flag.Bool("update", false, "write what the Caddyfiles in testdata give into them")

// Each golden is a Caddyfile, a line of dashes, and the JSON that it stands for
// or, in files named bad_*, the error.
func TestCaddyfile(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(text), "----------\n")
			if !ok {
				t.Fatal("no line of dashes")
			}
			got := adaptOrError(t, input, strings.HasPrefix(name, "bad_"))
			if *update {
				if err := os.WriteFile(file, []byte(input+"----------\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// lines are the fields that say where options are in the Caddyfile.
var lines = regexp.MustCompile(`,"lines":\{[^{}]*\}|"lines":\{[^{}]*\},?`)

// adaptOrError returns the JSON of a Caddyfile, or its error if it is bad.
func adaptOrError(t *testing.T, input string, bad bool) string {
	t.Helper()
	got, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), nil)
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			t.Errorf("warning: %s", w)
		}
	}
	if bad {
		if err == nil {
			t.Fatalf("want an error, got %s", got)
		}
		return err.Error() + "\n"
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, lines.ReplaceAll(got, nil), "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}
