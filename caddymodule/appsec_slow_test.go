package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/internal/appsectest"
)

// slowly starts an AppSec that judges one request after the other, and takes its time
// for bodies, with a site in front of it.
func slowly(t *testing.T, perByte time.Duration, block string) *host {
	t.Helper()
	h := newHost(t)
	s := appsectest.Start(t, nil)
	s.Run(appsectest.Runner{Routines: 1, PerByte: perByte})
	h.load(strings.Replace(h.inspected(s.URL, "detect builtin", block, ""), "timeout 30s", "timeout 200ms", 1))
	return h
}

// An attack with 400 KB of padding does not reach the site, and neither does the attack
// of another client that comes while AppSec is busy with it.
func TestASlowAppSecLetsNoAttackThrough(t *testing.T) {
	const size = 400_000
	for _, row := range []struct {
		name, block string
		perByte     time.Duration
		want        int // of who pads
	}{
		{"AppSec answers in the time for so much", "", 3 * time.Microsecond, http.StatusForbidden},
		{"AppSec takes too long", "max_timeout 500ms", 5 * time.Microsecond, http.StatusServiceUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := slowly(t, row.perByte, row.block)
			over := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				defer close(over)
				a := h.post(attacker, "/", strings.Repeat("x", size)+"evil")
				if a.status != row.want || (a.header.Get("Retry-After") == "") != (row.want == http.StatusForbidden) {
					t.Errorf("who pads: status %d, %v", a.status, a.header)
				}
			})
			waitForInspector(t, func(s appsec.Stats) bool { return s.Asked == 1 })
			for i := range 10 {
				if a := h.get(fmt.Sprintf("203.0.%d.9", i), "/?q=evil"); a.status != http.StatusForbidden && a.status != http.StatusServiceUnavailable {
					t.Errorf("an attack %d of somebody else: status %d", i, a.status)
				}
			}
			<-over
			wg.Wait()
			wait(t, func() error { // until AppSec is through with it
				if a := h.get("203.0.113.9", "/?q=evil"); a.status != http.StatusForbidden {
					return fmt.Errorf("status %d", a.status)
				}
				return nil
			})
			if a := h.get("203.0.113.10", "/"); a.status != http.StatusOK {
				t.Errorf("afterwards: status %d", a.status)
			}
		})
	}
}

// A client that makes AppSec late again and again is an event for detection.
func TestWhoKeepsAppSecBusyIsSeen(t *testing.T) {
	h := slowly(t, 100*time.Microsecond, "max_timeout 200ms")
	for range 5 {
		wait(t, func() error {
			if a := h.post(suspect, "/", strings.Repeat("x", 3000)); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "too large") {
				return fmt.Errorf("status %d, %q", a.status, a.body)
			}
			return nil
		})
	}
	h.waitStatus(suspect, http.StatusForbidden)
	if d, ok := runningEngine(t).Table().Lookup(addr(t, suspect)); !ok || d.Reason != "tocsin/appsec-slow" {
		t.Errorf("%+v, %v", d, ok)
	}
}

// Likewise who makes AppSec fail, which does not get him in.
func TestWhoMakesAppSecFailIsSeen(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.load(h.inspected(s.URL, "detect builtin", "", ""))
	for _, word := range []string{"rule", "answer", "off", "rule", "answer"} {
		if a := h.get(suspect, "/?q=breaks-"+word); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "AppSec fails on this request") {
			t.Errorf("%s: status %d, %q", word, a.status, a.body)
		}
	}
	h.waitStatus(suspect, http.StatusForbidden)
	if d, ok := runningEngine(t).Table().Lookup(addr(t, suspect)); !ok || d.Reason != "tocsin/appsec-slow" {
		t.Errorf("%+v, %v", d, ok)
	}
}

// Rules that know no HTTP/3 are recognized at the start.
func TestRulesWithoutHTTP3AreWarnedOf(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	s.Run(appsectest.Runner{NoHTTP3: true})
	text := h.inspected(s.URL, "", "max_http_version 3", "")
	h.load(strings.Replace(text, "output discard", "output file {DIR}/main.log {\nroll_disabled\n}", 1))
	wait(t, func() error { return logged(h, "main.log", "AppSec refuses every request of HTTP/3") })
}
