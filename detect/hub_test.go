package detect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/hubindex"
)

// A hub is laid out as cscli lays it out: files below hub, an index of them, and
// links to those that are enabled.
type hub struct {
	t   testing.TB
	dir string
}

const (
	hubScenario = "scenarios/crowdsecurity/known.yaml"
	hubParser   = "parsers/s02-enrich/crowdsecurity/known-whitelist.yaml"
	hubNames    = `{
		"scenarios": {"crowdsecurity/known": {"path": "` + hubScenario + `", "versions": {"0.1": {"digest": "aa"}}}},
		"parsers": {"crowdsecurity/known-whitelist": {"path": "` + hubParser + `", "versions": {"0.1": {"digest": "bb"}}}},
		"version": 7}`
)

func newHub(t testing.TB, index string) hub {
	t.Helper()
	h := hub{t, t.TempDir()}
	h.write("hub/.index.json", index)
	for enabled, to := range map[string]string{"scenarios/known.yaml": hubScenario, "parsers/known.yaml": hubParser} {
		h.write("hub/"+to, "")
		name := filepath.Join(h.dir, enabled)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(h.dir, "hub", filepath.FromSlash(to)), name); err != nil {
			t.Fatal(err)
		}
	}
	h.write("data/words", "# words\n(\n")
	h.write("data/kinds", `{"pattern": "a", "tag": "b", "type": "x"}`)
	return h
}

func (h hub) write(name, content string) {
	h.t.Helper()
	name = filepath.Join(h.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h hub) load() (*Rules, error) {
	return Load(LoadConfig{
		Paths: []string{filepath.Join(h.dir, "scenarios"), filepath.Join(h.dir, "parsers")}, Data: filepath.Join(h.dir, "data"),
	})
}

// skips loads the hub and checks that it lacks a document of file, and nothing
// else.
func (h hub) skips(name, file, reason string) {
	h.t.Helper()
	rules, err := h.load()
	if err != nil {
		h.t.Errorf("%v", err)
		return
	}
	if got := rules.Skipped(); len(got) != 1 || got[0].Name != name ||
		!strings.HasPrefix(got[0].File, filepath.Join(h.dir, file)) || !strings.HasPrefix(got[0].Reason, reason) || strings.Contains(got[0].String(), "\n") {
		h.t.Errorf("skipped %q, want %s in %s: %s", got, name, file, reason)
	}
	if got := rules.Names(); !slices.Equal(got, []string{"mine"}) || !rules.Hub() {
		h.t.Errorf("scenarios %q (of the hub: %v), want mine", got, rules.Hub())
	}
}

// An upgrade of the hub and a restart must never take a site down.
func TestNothingInAFileOfTheHubIsAnError(t *testing.T) {
	h := newHub(t, hubNames)
	h.write("scenarios/mine.yaml", named("mine"))
	for _, row := range broken {
		if strings.Contains(row.yaml, "---\n") {
			continue // there is a good document in it, too
		}
		t.Run(row.name, func(t *testing.T) {
			h := hub{t, h.dir}
			for path, file := range map[string]string{hubScenario: "scenarios/known.yaml", hubParser: "parsers/known.yaml"} {
				h.write("hub/"+path, row.yaml)
				want := "crowdsecurity/known"
				if path == hubParser {
					want += "-whitelist"
				}
				if strings.Contains(row.yaml, "name: a") {
					want = "a"
				}
				if strings.Contains(row.yaml, "name: t") {
					want = "t"
				}
				h.skips(want, file, "it is broken: ")
				h.write("hub/"+path, "")
			}
		})
	}
	for _, row := range newerThings {
		t.Run("newer: "+row.name, func(t *testing.T) {
			h := hub{t, h.dir}
			h.write("hub/"+hubScenario, row.yaml)
			h.skips("t", "scenarios/known.yaml", row.want)
			h.write("hub/"+hubScenario, "")
		})
	}
}

func TestWhatElseAHubCanDo(t *testing.T) {
	for _, row := range []struct {
		name, index  string
		change       func(h hub)
		scenario, in string
		want         string
	}{
		{"a folder for a file", hubNames, func(h hub) {
			h.remove("hub/" + hubScenario)
			h.write("hub/"+hubScenario+"/a.txt", "")
			h.write("hub/"+hubParser, "type: [")
		}, "crowdsecurity/known-whitelist", "parsers/known.yaml", "it is broken: yaml: line"},
		{"a file as large as a disk", hubNames, func(h hub) {
			if err := os.Truncate(filepath.Join(h.dir, "hub", hubScenario), 33<<20); err != nil {
				h.t.Fatal(err)
			}
		}, "crowdsecurity/known", "scenarios/known.yaml", "it is broken: 34603008 bytes: want at most 33554432"},
		{"a file that is gone", hubNames, func(h hub) { h.remove("hub/" + hubScenario) }, "", "scenarios/known.yaml", "it links to a file that there is not"},
		{"an invalid index", "half of an ind", func(h hub) { h.write("hub/"+hubScenario, "name: a\n") }, "a", "scenarios/known.yaml", "it is broken: no key type or whitelist"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHub(t, row.index)
			h.write("scenarios/mine.yaml", named("mine"))
			row.change(h)
			h.skips(row.scenario, row.in, row.want)
		})
	}
}

func (h hub) remove(name string) {
	h.t.Helper()
	if err := os.Remove(filepath.Join(h.dir, filepath.FromSlash(name))); err != nil {
		h.t.Fatal(err)
	}
}

// What an operator has written stands in no index, wherever it lies.
func TestAnOperatorsOwnMistakesAreErrors(t *testing.T) {
	for _, file := range []string{"scenarios/mine.yaml", "hub/scenarios/crowdsecurity/mine.yaml"} {
		h := newHub(t, hubNames)
		h.write(file, "type: trigger\nname: mine\n")
		_, err := Load(LoadConfig{Paths: []string{filepath.Join(h.dir, "scenarios"), filepath.Join(h.dir, "hub")}})
		if want := filepath.Join(h.dir, file) + ":1: filter: required"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestRulesSayWhetherTheyAreTheHubs(t *testing.T) {
	if rules := parse(t, minimal); rules.Hub() || Merge(rules, rules).Hub() {
		t.Error("one's own are taken for the hub's")
	}
	h := newHub(t, hubNames)
	h.write("hub/"+hubScenario, minimal)
	rules, err := h.load()
	if err != nil || !rules.Hub() || !Merge(parse(t, minimal), rules).Hub() {
		t.Errorf("the hub's are taken for one's own: %v", err)
	}
}

// No file of the hub keeps a server from starting, whatever is in it.
func FuzzHub(f *testing.F) {
	for _, row := range broken {
		f.Add(row.yaml)
	}
	for _, row := range newerThings {
		f.Add(row.yaml)
	}
	h := newHub(f, hubNames)
	index := make(hubindex.Indexes).Of(filepath.Join(h.dir, "hub", hubScenario))
	f.Fuzz(func(t *testing.T, content string) {
		l := newLoader()
		src := source{
			name: "known.yaml", path: filepath.Join(h.dir, "hub", hubScenario), folders: folderFS(filepath.Join(h.dir, "data")), index: index,
		}
		if err := l.read(src, []byte(content)); err != nil {
			t.Fatal(err)
		}
		for _, s := range l.finish().Skipped() {
			if s.Reason == "" || s.File == "" || strings.Contains(s.Reason, "\n") {
				t.Errorf("skipped %+v", s)
			}
		}
	})
}
