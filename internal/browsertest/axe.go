package browsertest

import (
	"os"
	"strings"
	"testing"
)

// AxeScript returns axe-core, for Axe. It is the file axe.min.js of the package axe-core of
// npm, which TOCSIN_AXE names, and t is skipped without it.
func AxeScript(t testing.TB) string {
	t.Helper()
	file := os.Getenv("TOCSIN_AXE")
	if file == "" {
		t.Skip("TOCSIN_AXE names no axe.min.js")
	}
	text, err := os.ReadFile(file) //nolint:gosec // the file that the environment names
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n;true"
}

// A check of axe sets window.found when it has ended: a text for each element in which
// something is wrong.
const check = `(window.found = null, axe.run(document, {preload: false, runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
	r => window.found = r.passes.length == 0 ? ["nothing was checked"] :
		r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary + " " + n.html.slice(0, 120))),
	e => window.found = ["axe failed: " + e]), true)`

// Axe fails the test if not everybody can use the page: names for screen readers, contrast,
// order of headings and more. Name says in the error which page it is.
func (v *Tab) Axe(script, name string) {
	v.t.Helper()
	Look[bool](v, script)
	Look[bool](v, check)
	v.Until("!!window.found")
	if found := Look[[]string](v, "window.found"); len(found) > 0 {
		v.t.Errorf("%s: axe finds:\n%s", name, strings.Join(found, "\n"))
	}
}
