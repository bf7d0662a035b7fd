package caddymodule

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// If a trap is tried from the server itself, the log says why nothing happens.
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
		return logged(h, "log", `"level":"info"`, "no decision", `"scenario":"trap"`, `"client":"127.0.0.1"`, `"why":"it is on this machine"`)
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
	for i := range 2 * 1000 {
		if _, due := l.isDue(strconv.Itoa(i), now); due {
			lines++
		}
	}
	if lines != 1000-2+1 || len(l.shares) != 1000+1 {
		t.Errorf("%d lines, %d scenarios are kept", lines, len(l.shares))
	}
}

// A flood of alerts writes few log lines, and a last line says how many are missing.
func TestAFloodOfAlertsIsNoneOfLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		l := &alertLog{logger: zap.New(core)}
		flood := make([]event.Alert, 30_000)
		for i := range flood {
			flood[i].Client = netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		}
		report := func(alerts []event.Alert, lines, left int) {
			t.Helper()
			if taken, _, err := l.Report(t.Context(), alerts); taken != len(alerts) || err != nil {
				t.Errorf("took %d, %v", taken, err)
			}
			if n := logs.FilterMessage("abuse seen").Len(); n != lines {
				t.Errorf("%d lines, want %d", n, lines)
			}
			sums := logs.FilterMessage("alerts left out of the log").FilterField(zap.Int("alerts", left))
			if left > 0 && sums.Len() != 1 {
				t.Errorf("%d is not the sum in %v", left, logs.FilterMessageSnippet("left out").All())
			}
			logs.TakeAll()
		}
		report(flood, 200, 0)
		<-time.After(time.Minute)
		neighbours := make([]event.Alert, 256)
		for i := range neighbours {
			neighbours[i].Client = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		}
		report(neighbours, 5, 29_800)
		l.flush()
		report(nil, 0, 251)
		l.flush()
		if logs.Len() > 0 {
			t.Errorf("said twice: %v", logs.All())
		}
	})
}
