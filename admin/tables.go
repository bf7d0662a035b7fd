package admin

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tocsin-project/tocsin/lookup"
)

// A table formats the output of commands. Some of its cells come from other servers, so
// control characters, which a terminal would obey, are removed.
type table struct {
	text *tableText
	now  time.Time
}

// writeTable prints the table that fill creates.
func writeTable(w io.Writer, fill func(t table)) error {
	t := table{new(tableText), time.Now()}
	fill(t)
	return t.text.writeTo(w)
}

// writeLine writes an answer of one line.
func writeLine(w io.Writer, line string) error {
	_, err := fmt.Fprintln(w, line)
	return err
}

// row adds a line.
func (t table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = printable(fmt.Sprint(c))
	}
	t.text.rows = append(t.text.rows, row)
}

// printable returns s without characters that a terminal would obey, or that would
// mislead a reader.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s)
}

// ago returns the time since at as text.
func (t table) ago(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return inWords(t.now.Sub(at)) + " ago"
}

// synced returns the last sync of a source as text, from the snapshot if there was none
// since.
func (t table) synced(s *Source) string {
	if s.Synced.IsZero() && !s.Carried.IsZero() {
		return "snapshot: " + t.ago(s.Carried)
	}
	return t.ago(s.Synced)
}

// problem returns the problem of a source, or "".
func (s *Source) problem() string {
	if s.Held == 0 {
		return s.Error
	}
	return strings.TrimPrefix(fmt.Sprintf("%s; %d ranges are not enforced: see coverage", s.Error, s.Held), "; ")
}

// in returns the time until at as text.
func (t table) in(at time.Time, never string) string {
	switch {
	case at.IsZero():
		return never
	case !at.After(t.now):
		return "now"
	}
	return "in " + inWords(at.Sub(t.now))
}

// inWords returns d in its two largest units.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *Status) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("Ready", strings.TrimSuffix(yesNo(a.Ready)+": "+a.Reason, ": "))
		for _, text := range a.Warnings {
			t.row("Warning", text)
		}
		t.row("Version", a.Version)
		t.row("Decisions", a.Decisions)
		if a.Snapshot != nil {
			t.row("Snapshot", a.Snapshot.Path+", written "+t.ago(a.Snapshot.Written))
		}
		if s := a.Spared; s != (Spared{}) {
			t.row("Exempt", fmt.Sprintf("%d lookups of this server's addresses, %d of trusted proxies", s.Own, s.Proxies))
		}
		t.row("Memory", fmt.Sprintf("%d MiB heap, %d MiB in all", a.Memory.Heap>>20, a.Memory.Total>>20))
		t.row()
		a.writeSources(t)
		if c := a.Challenge; c != nil {
			t.row()
			t.row("CHALLENGE", "SECRETS", "ISSUED", "SOLVED", "FAILED", "REPLAYED", "BARRED", "FALLBACK")
			t.row(c.Type, c.Secrets, c.Issued, c.Solved, c.Failed, c.Replayed, c.Barred, c.Fallback)
		}
		if a.Detect != nil {
			a.Detect.write(t)
		}
		for i := range a.Inspectors {
			a.Inspectors[i].write(t)
		}
		if a.WAF != nil {
			a.WAF.write(t)
		}
		if len(a.Servers) > 0 {
			a.writeServers(t)
		}
	})
}

// writeSources prints the sources, the allow lists and the allowlists.
func (a *Status) writeSources(t table) {
	t.row("SOURCE", "KIND", "READY", "SYNCED", "DECISIONS", "FAILURES", "NEXT TRY", "LAST ERROR")
	for _, s := range append(a.Sources, a.Databases...) {
		t.row(s.Name, s.Kind, yesNo(s.Ready), t.synced(&s), s.Decisions, s.Failures, t.in(s.Next, "-"), s.problem())
	}
	if len(a.Allow) > 0 {
		t.row()
		t.row("ALLOW LIST", "KIND", "READ", "ENTRIES", "FAILURES", "NEXT TRY", "LAST ERROR")
	}
	for _, s := range a.Allow {
		t.row(s.Name, s.Kind, t.synced(&s), s.Decisions, s.Failures, t.in(s.Next, "-"), s.problem())
	}
	t.allowlists(a.Sources)
	t.memberships(a.Sources)
}

// writeServers prints the counts of requests.
func (a *Status) writeServers(t table) {
	t.row()
	t.row("SERVER", "CHECKED", "BANNED", "CAPTCHA", "THROTTLED", "ENDED", "DRY RUN", "PASSED", "ALLOWED", "UNKNOWN CLIENT", "CONNECTIONS CLOSED")
	for _, s := range a.Servers {
		t.row(s.Server, s.Processed, s.Stopped["ban"], s.Stopped["captcha"], s.Stopped["throttle"],
			s.Ended, s.DryRun, s.Passed, s.Allowed, s.UnknownClient, s.Connections)
	}
	t.sums("ORIGIN", a.origins())
	t.sums("COUNTRY", a.Countries)
}

// origins returns the number of stopped requests by origin.
func (a *Status) origins() map[string]uint64 {
	sums := map[string]uint64{}
	for _, s := range a.Servers {
		for origin, n := range s.Origins {
			sums[origin] += n
		}
	}
	return sums
}

// sums prints the numbers of stopped requests, the largest first.
func (t table) sums(title string, sums map[string]uint64) {
	if len(sums) > 0 {
		t.counts(title, "STOPPED", sums)
	}
}

// counts prints numbers by name, the largest first.
func (t table) counts(title, of string, sums map[string]uint64) {
	t.row()
	t.row(title, of)
	most := func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) }
	for _, name := range slices.SortedFunc(maps.Keys(sums), most) {
		t.row(name, sums[name])
	}
}

func (a *Check) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("Address", a.Address)
		t.row("Result", a.result())
		if len(a.Allowlisted) > 0 {
			t.row("Allowlisted", "by "+strings.Join(a.Allowlisted, ", ")+", so its decisions do not apply")
		}
		for _, e := range a.Exceptions {
			t.row("Except", e.text())
		}
		if a.Country != "" {
			t.row("Country", a.Country)
		}
		if a.AS != 0 {
			t.row("AS", a.AS)
		}
		if d := a.Decision; d != nil && d.By != "" {
			t.row("Community", d.By)
			if d.Explain != "" {
				t.row("Explanation", d.Explain)
			}
		}
		if len(a.Decisions) > 0 {
			t.row()
			t.decisions(a.Decisions)
		}
		t.guards(a.Guards)
	})
}

// result returns the result with the reason for it.
func (a *Check) result() string {
	switch {
	case a.Allowed:
		return a.Result + ", by the global option allow"
	case a.Decision != nil && a.Decision.Action == lookup.Captcha.String() && a.Result != a.Decision.Action:
		return a.Result + ", because of " + a.Decision.Target + " from " + a.Decision.Source + ": the decision is a captcha, and challenge is off"
	case a.Decision != nil:
		return a.Result + ", because of " + a.Decision.Target + " from " + a.Decision.Source
	case len(a.Allowlisted) > 0:
		return a.Result + ": it is on an allowlist of CrowdSec"
	case a.Own:
		return a.Result + ": it is an address of this server, which no remote source can ban"
	case a.Result == Unavailable:
		return a.Result + ": startup is closed, and the sources have not been in sync yet"
	}
	return a.Result + ": there is no decision about it"
}

func (a *List) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.decisions(a.Decisions)
		t.guards(a.Guards)
		if a.More {
			t.row()
			t.row("There are more: see --limit.")
		}
	})
}

// decisions prints all, one to a line.
func (t table) decisions(all []Decision) {
	t.row("TARGET", "ACTION", "SOURCE", "ORIGIN", "REASON", "SINCE", "ENDS")
	for _, d := range all {
		t.row(d.Target, d.Action, d.Source, d.Origin, d.Reason, t.ago(d.Since), t.in(d.Until, "never"))
	}
}

// guards prints all, one to a line, if there are any.
func (t table) guards(all []Guard) {
	if len(all) == 0 {
		return
	}
	t.row()
	t.row("GUARD ON", "SCOPE", "REASON", "SINCE", "ENDS")
	for _, g := range all {
		t.row(g.Target, g.Scope, g.Reason, t.ago(g.Since), t.in(g.Until, "never"))
	}
}

// text returns e in one line.
func (e Exception) text() string {
	text := "passes on " + e.Server + " by " + e.Why
	if e.Why == "trusted_proxies" {
		text += ": only requests of the proxy itself"
	}
	return text
}
