// Package axetest checks with axe-core, where there is a copy of it, that everybody can use a
// page: names for screen readers, contrast, order of headings and more. The environment
// variable TOCSIN_AXE names the file axe.min.js of the package axe-core of npm.
package axetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Script returns axe-core, to evaluate in a page, and skips t if there is none.
func Script(t testing.TB) string {
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

// Start begins a check of the page, and Done is true when it has ended. Found then returns what
// is wrong, a text for each element.
const (
	Start = `(window.found = null, axe.run(document, {preload: false, runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
		r => window.found = r.passes.length == 0 ? ["nothing was checked"] :
			r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary + " " + n.html.slice(0, 120))),
		e => window.found = ["axe failed: " + e]), true)`
	Done  = "!!window.found"
	Found = "window.found"
)

// Report fails t with what is wrong on a page.
func Report(t testing.TB, page string, found []string) {
	t.Helper()
	if len(found) > 0 {
		t.Error(fmt.Sprintf("%s: axe finds:\n", page) + strings.Join(found, "\n"))
	}
}
