package caddymodule

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whoever tries a trap from the server itself is told why nothing happens.
func TestAnAlertAboutASparedClientSaysWhy(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(strings.Replace(h.watched(trap, ""), "output discard", "output file {DIR}/log {\nroll_disabled\n}", 1))
	for _, row := range []struct{ from, why string }{
		{"", "it is on this machine"},
		{"10.1.2.3", "it is in a private network"},
	} {
		for range 3 {
			h.get(row.from, "/trap")
		}
		out, failure := h.command("alerts", "--address", h.admin)
		if failure != "" || !strings.Contains(out, "spared: "+row.why) {
			t.Errorf("no %q in\n%s%s", row.why, out, failure)
		}
	}
	wait(t, func() error {
		return logged(h, "log", `"level":"info"`, "nothing is decided", `"scenario":"trap"`, `"client":"127.0.0.1"`, `"why":"it is on this machine"`)
	})
}

func TestLinesAboutSparedClientsAreFew(t *testing.T) {
	l, now := new(alertLog), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for i, row := range []struct {
		scenario string
		after    time.Duration
		left     int
		due      bool
	}{
		{"a", 0, 0, true},
		{"a", time.Second, 0, false},
		{"b", time.Second, 0, true},
		{"a", 59 * time.Second, 0, false},
		{"a", 60 * time.Second, 2, true},
		{"a", 119 * time.Second, 0, false},
		{"a", 120 * time.Second, 1, true},
	} {
		if left, due := l.isDue(row.scenario, now.Add(row.after)); left != row.left || due != row.due {
			t.Errorf("line %d: %d, %v, want %d, %v", i+1, left, due, row.left, row.due)
		}
	}
	lines := 0
	for i := range 2 * maxSpared {
		if _, due := l.isDue(strconv.Itoa(i), now); due {
			lines++
		}
	}
	if lines != maxSpared-2+1 || len(l.shares) != maxSpared+1 {
		t.Errorf("%d lines, %d scenarios are kept", lines, len(l.shares))
	}
}
