package caddymodule

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// The whole way, from cscli to what a client gets, with the real CrowdSec.
func TestRealCrowdSec(t *testing.T) {
	api := lapitest.Real(t)
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key, "startup closed"))
	h.waitStatus(allowed, http.StatusOK)

	h.patience = 5 * time.Second
	step := func(name string, test func(t *testing.T)) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) { h.t = t; test(t) }) {
			t.FailNow() // the steps build on each other
		}
	}
	step("ban an address", func(*testing.T) {
		api.Ban(banned, "4h")
		h.waitStatus(banned, http.StatusForbidden)
	})
	step("take it back", func(*testing.T) {
		api.Delete(banned)
		h.waitStatus(banned, http.StatusOK)
	})
	step("ban a range", func(t *testing.T) {
		api.Ban("203.0.113.0/24", "4h")
		h.waitStatus("203.0.113.200", http.StatusForbidden)
		if a := h.get("203.0.114.1", "/"); a.status != http.StatusOK {
			t.Errorf("a client beside the range gets %d", a.status)
		}
		api.Delete("203.0.113.0/24")
		h.waitStatus("203.0.113.200", http.StatusOK)
	})
	step("ban an IPv6 range", func(*testing.T) {
		api.Ban("2001:db8:1::/48", "4h")
		h.waitStatus("2001:db8:1:2::3", http.StatusForbidden)
		api.Delete("2001:db8:1::/48")
		h.waitStatus("2001:db8:1:2::3", http.StatusOK)
	})
	step("a captcha stops who has no pass", func(*testing.T) {
		api.Decide(banned, "captcha", "4h")
		h.waitStatus(banned, http.StatusForbidden)
	})
	step("a ban beside it ends, the captcha stays", func(t *testing.T) {
		h.waitAction(banned, "captcha")
		api.Decide(banned, "ban", "8h")
		h.waitAction(banned, "ban")
		api.Cscli("decisions", "delete", "--ip", banned, "--type", "ban")
		h.waitAction(banned, "captcha")
		api.Delete(banned)
		h.waitStatus(banned, http.StatusOK)
	})
	step("throttle", func(t *testing.T) {
		api.Decide(banned, "throttle", "4h")
		h.waitStatus(banned, http.StatusTooManyRequests)
		if a := h.get(banned, "/"); a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		api.Delete(banned)
		h.waitStatus(banned, http.StatusOK)
	})
	step("a decision ends on its own time, without the server", func(*testing.T) {
		api.Ban(banned, "3s")
		h.waitStatus(banned, http.StatusForbidden)
		api.Kill()
		h.waitStatus(banned, http.StatusOK)
		api.Restart()
	})
	step("kill -9 of the server leaves bans in force, over a restart too", func(t *testing.T) {
		api.Ban(banned, "4h")
		h.waitStatus(banned, http.StatusForbidden)
		api.Kill()
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Errorf("after the kill: %d", a.status)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		h.load(withLAPI(api.URL, api.Key, "startup closed"))
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Errorf("after the restart: %d", a.status)
		}
		if a := h.get(allowed, "/"); a.status != http.StatusOK {
			t.Errorf("allowed client after the restart: %d", a.status)
		}
	})
	step("it is followed again when it is back", func(*testing.T) {
		api.Restart()
		api.Delete(banned)
		h.waitStatus(banned, http.StatusOK)
	})
	step("a wrong key is said, and bans stay", func(t *testing.T) {
		api.Ban(banned, "4h")
		h.waitStatus(banned, http.StatusForbidden)
		h.load(withLAPI(api.URL, "wrong-key"))
		wait(t, func() error {
			for _, s := range runningEngine(t).Stats().Sources {
				if s.Err == nil {
					return fmt.Errorf("no error in %+v", s)
				}
			}
			return nil
		})
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Errorf("banned client gets %d", a.status)
		}
		h.load(withLAPI(api.URL, api.Key))
		api.Delete(banned)
		h.waitStatus(banned, http.StatusOK)
	})
	step("a database made anew", func(*testing.T) {
		api.DropDatabase(api.Key)
		api.Ban("192.0.2.99", "4h")
		h.waitStatus("192.0.2.99", http.StatusForbidden)
	})
}

// patiently returns check, and has the sources read everything again, once in the
// life of h, if it has failed for as long as h has patience. CrowdSec stamps a
// decision before it commits it, so that an answer under way in between misses
// it and the next one takes it for told. With ten polls a second that happens
// now and then; an hourly full answer is there to make up for it. If it
// happens twice, the fault is ours.
func (h *host) patiently(check func() error) func() error {
	began := time.Now()
	return func() error {
		err := check()
		if err != nil && h.patience > 0 && time.Since(began) > h.patience {
			h.t.Logf("asking for everything: %v", err)
			h.patience = 0
			runningEngine(h.t).Sync()
		}
		return err
	}
}

// waitAction waits until the decision about an address asks for action.
func (h *host) waitAction(ip, action string) {
	h.t.Helper()
	wait(h.t, h.patiently(func() error {
		d, ok := runningEngine(h.t).Lookup(h.t.Context(), prefix(h.t, ip).Addr())
		if !ok || d.Action.String() != action {
			return fmt.Errorf("%s has a decision: %v, %v; want %s", ip, ok, d.Action, action)
		}
		return nil
	}))
}
