package builtin

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin-project/tocsin/waf"
)

var write = flag.Bool("write", false, "write docs/waf-rules.md")

const head = `# The rules of ` + "`waf builtin`" + `

These rules find attacks whatever application is behind, beside CrowdSec's rules for known holes. ` + "`except`" + ` takes their names.

The confidence says what happens to a request. *Certain* stops it. *Likely* sends browsers the challenge and stops programs, but lets
[users who have logged in](waf.md#users-who-have-logged-in) pass. *Observe* lets everybody pass, and writes a line to the log. What people write about attacks, in sentences or in documents of several lines, is at most observed in a body or a search box.

The test of package ` + "`waf/builtin`" + ` writes this page: ` + "`go test ./waf/builtin -run TheListOfRules -write`" + `.

| rule | confidence | finds | why so sure | leaves alone |
|---|---|---|---|---|
`

// The page about the rules has all of them, as they are.
func TestTheListOfRulesIsCurrent(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "waf-rules.md")
	want := head + strings.Join(append(rowsOfClasses(), rowsOfFiles(t)...), "")
	if *write {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not current (%v): go test ./waf/builtin -run TheListOfRules -write", file, err)
	}
}

func rowsOfClasses() (rows []string) {
	for i := range classes {
		a := &classes[i]
		var names, sure []string
		for _, c := range a.confidences {
			names, sure = append(names, "`"+a.rule(c)+"`"), append(sure, c.String())
		}
		rows = append(rows, rowOf(strings.Join(names, " "), strings.Join(sure, ", "), a.what, a.why, a.passes))
	}
	return rows
}

func rowOf(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// rowsOfFiles returns a row for each rule in a file: it begins with what is said about it.
func rowsOfFiles(t *testing.T) (rows []string) {
	names, err := fs.Glob(files, "rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Name   string
			Labels map[string]string
		}
		if err := yaml.Unmarshal(content, &doc); err != nil {
			t.Fatal(err)
		}
		said := comments(t, name, string(content))
		rows = append(rows, rowOf("`"+doc.Name+"`", doc.Labels["confidence"], said[0], said[1], said[2]))
	}
	return rows
}

// comments returns what a file says about its rule: what, why, and what passes.
func comments(t *testing.T, name, content string) (said [3]string) {
	text := ""
	for line := range strings.Lines(content) {
		line, isComment := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !isComment {
			break
		}
		text += line + " "
	}
	what, rest, ok := strings.Cut(strings.TrimPrefix(text, "What: "), "Why: ")
	why, passes, ok2 := strings.Cut(rest, "Passes: ")
	if !ok || !ok2 {
		t.Fatalf("%s does not say what it finds, why so sure, and what passes", name)
	}
	return [3]string{strings.TrimSpace(what), strings.TrimSpace(why), strings.TrimSpace(passes)}
}

// All rules have a name of their own, and their words.
func TestRulesAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	rules := own(t).Rules()
	for _, r := range rules {
		if seen[r.Name] || r.Description == "" || !strings.HasPrefix(r.Name, "tocsin/") {
			t.Errorf("%+v", r)
		}
		if r.OutOfBand != (r.Confidence == waf.Observe) || r.Confidence != waf.Certain && !strings.Contains(r.Name, "-"+r.Confidence.String()) && r.File == "builtin" {
			t.Errorf("%s: %v, %v", r.Name, r.Confidence, r.OutOfBand)
		}
		seen[r.Name] = true
	}
	if len(rules) < 40 {
		t.Error(fmt.Sprint(len(rules), " rules"))
	}
}
