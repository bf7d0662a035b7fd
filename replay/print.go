package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

const (
	stamp     = "2006-01-02 15:04:05"
	maxColumn = 60 // the longest text from a client, in characters
)

// Print writes the report as text, with at most limit clients.
func (r *Report) Print(w io.Writer, limit int) error {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	r.printHead(t)
	r.printOffenders(t, limit)
	r.printScenarios(t)
	r.printRules(t)
	t.line()
	t.line(fmt.Sprintf("%s would have been banned, %d challenged; %d of %s would have been stopped.",
		many(r.Banned, "client"), r.Challenged, r.Stopped, many(r.Requests, "request")))
	return t.w.Flush()
}

func (r *Report) printHead(t table) {
	clients := many(r.Clients, "client")
	if r.Crowded {
		clients = "more than " + clients
	}
	head := many(r.Requests, "request") + " of " + clients
	if r.Requests > 0 {
		head += ", " + r.From.Format(stamp) + " to " + r.To.Format(stamp) + " UTC"
	}
	if r.Seconds > 0 {
		head += fmt.Sprintf(", in %.1f s (%.0f a second)", r.Seconds, r.Speed)
	}
	t.line("Read", head)
	looked := many(r.Looked, "scenario")
	if r.RulesRun > 0 {
		looked += ", " + many(r.RulesRun, "rule") + " of the WAF"
	}
	t.line("Looked for", looked)
	for _, s := range r.LeftOut {
		t.line("Left out", s)
	}
	r.printNotes(t)
}

// printNotes prints which parts of the logs were not judged, or not as on a server.
func (r *Report) printNotes(t table) {
	if r.Bodies == 0 && r.Requests > 0 {
		t.line("Bodies", "none in the log: scenarios and the WAF see nothing of forms")
	}
	if len(r.Redacted) > 0 {
		t.line("Redacted", "by Caddy, and taken as there but empty: "+counts(r.Redacted))
	}
	if r.Allowed > 0 {
		t.line("Allowed", many(r.Allowed, "request")+" of clients that are allowed, not judged")
	}
	if r.Spared > 0 {
		t.line("Spared", many(r.Spared, "request")+" of private clients, about whom nothing is decided")
	}
	if r.Backwards > 0 {
		t.line("Backwards", many(r.Backwards, "request")+" over a minute older than one before")
	}
	if r.Skipped.Lines > 0 {
		t.line("Skipped", many(r.Skipped.Lines, "line")+", such as")
		for _, s := range r.Skipped.Examples {
			t.line("", s.At+": "+s.Reason)
		}
	}
	for _, s := range r.Skipped.Broken {
		t.line("Broken off", s)
	}
}

func (r *Report) printOffenders(t table, limit int) {
	if len(r.Offenders) == 0 {
		return
	}
	t.line()
	t.line("CLIENT", "FIRST STOPPED", "AT", "ACTION", "SCENARIO", "BEFORE", "STOPPED", "REQUEST", "USER AGENT")
	shown := min(limit, len(r.Offenders))
	for _, o := range r.Offenders[:shown] {
		t.line(o.Client, o.Time.Format(stamp), o.At, o.Action, o.Scenario, o.Before, o.After, shorten(o.Request), shorten(o.UserAgent))
	}
	if more := r.Unlisted + len(r.Offenders) - shown; more > 0 {
		t.line()
		are := "are"
		if more == 1 {
			are = "is"
		}
		t.line(fmt.Sprintf("There %s %d more: see --limit and --json.", are, more))
	}
}

func (r *Report) printScenarios(t table) {
	if len(r.Scenarios) == 0 {
		return
	}
	t.line()
	t.line("SCENARIO", "CLIENTS", "ALERTS", "BANS", "CHALLENGES", "SPARED", "STOPPED")
	for _, s := range r.Scenarios {
		t.line(s.Name, s.Clients, s.Alerts, s.Bans, s.Challenges, s.Spared, s.Stopped)
	}
}

func (r *Report) printRules(t table) {
	if len(r.Rules) == 0 {
		return
	}
	t.line()
	t.line("RULE OF THE WAF", "CLIENTS", "STOPPED", "OBSERVED")
	for _, one := range r.Rules {
		t.line(one.Name, one.Clients, one.Stopped, one.Observed)
	}
}

// counts returns numbers with their names in one line.
func counts(sums map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, fmt.Sprintf("%s (%d)", name, sums[name]))
	}
	return strings.Join(all, ", ")
}

// many returns n with the name of the counted things.
func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// shorten returns the beginning of s, without characters that cannot be printed.
func shorten(s string) string {
	s = strings.Map(printable, s)
	n := 0
	for i := range s {
		if n++; n > maxColumn {
			return s[:i] + "…"
		}
	}
	return s
}

// A table aligns columns. Its cells come from clients, and a terminal obeys control
// characters, so those are removed.
type table struct{ w *tabwriter.Writer }

// line prints a line. An error is reported when the table is flushed.
func (t table) line(cells ...any) {
	for i, c := range cells {
		s := strings.Map(printable, fmt.Sprint(c))
		if i > 0 {
			s = "\t" + s
		}
		_, _ = io.WriteString(t.w, s)
	}
	_, _ = io.WriteString(t.w, "\n")
}

// printable removes characters that a terminal could take for a command, or that could
// mislead a reader about the text.
func printable(c rune) rune {
	if unicode.IsPrint(c) {
		return c
	}
	return -1
}

// Timed adds the time that the run took.
func (r *Report) Timed(d time.Duration) {
	r.Seconds = d.Seconds()
	r.Speed = float64(r.Requests) / max(d.Seconds(), 1e-9)
}
