package tocsin

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// all returns what the first group of a pattern matches in a text.
func all(text, pattern string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// One version of Go builds it everywhere.
func TestImagesBuildWithTheGoOfTheModule(t *testing.T) {
	goMod := all(read(t, "go.mod"), `(?m)^go (\d+\.\d+)`)
	for _, file := range []string{"Dockerfile", ".github/workflows/ci.yml"} {
		if got := all(read(t, file), `golang:(\d+\.\d+)-`); !slices.Equal(got, goMod) {
			t.Errorf("%s has Go %q, go.mod %q", file, got, goMod)
		}
	}
}

func TestTheDebianPackageHasItsFiles(t *testing.T) {
	config := read(t, ".ci/nfpm.yaml")
	sources := append(all(config, `src: ([^",\s]+)`), all(config, `(?m)^  \w+: (\.ci/\S+)$`)...)
	if len(sources) < 10 {
		t.Fatalf("%d files", len(sources))
	}
	for _, name := range sources {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("the package wants %v", err)
		}
	}
	targets := all(config, `dst: ([^",\s]+)`)
	for _, name := range all(read(t, "examples/systemd/tocsin.service"), `(?m)^Exec\w+=(\S+)`) {
		if !slices.Contains(targets, name) {
			t.Errorf("the service runs %s, which the package does not have", name)
		}
	}
}

// The example for Docker asks for nothing that its file of settings does not name.
func TestTheComposeExampleNamesItsSettings(t *testing.T) {
	settings := all(read(t, "examples/compose/env.example"), `(?m)^(\w+)=`)
	for _, name := range all(read(t, "examples/compose/compose.yaml"), `\$\{(\w+)\}`) {
		if !slices.Contains(settings, name) {
			t.Errorf("compose.yaml wants %s, which env.example does not have", name)
		}
	}
	compose := read(t, "examples/compose/compose.yaml")
	for _, name := range all(read(t, "examples/compose/Caddyfile"), `\{env\.(\w+)\}`) {
		if !strings.Contains(compose, "      "+name+": ") {
			t.Errorf("the Caddyfile wants %s, which compose.yaml does not hand on", name)
		}
	}
}

func TestHostedCIRunsWhatEverybodyRuns(t *testing.T) {
	if !strings.Contains(read(t, ".github/workflows/ci.yml"), "run: .ci/run\n") {
		t.Error("ci.yml does not run .ci/run")
	}
}
