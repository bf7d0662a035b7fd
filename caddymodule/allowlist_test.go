package caddymodule

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// withMachine is the option of a machine that the fake knows.
const withMachine = "machine " + lapitest.DefaultMachine + " " + lapitest.DefaultPassword

// stands returns how status says that the allowlists of the one source stand.
func stands(h *host) *admin.Allowlist {
	return askFor[admin.Status](h, "GET", "/tocsin/status", 200).Sources[0].Allowlist
}

func TestSyncReadsAllowlistsAndStatusShowsThem(t *testing.T) {
	for _, mode := range []string{"stream", "live"} {
		t.Run(mode, func(t *testing.T) {
			api := lapitest.Start(t, lapitest.Config{})
			api.Add(lapitest.Decision{Value: banned})
			h := newHost(t)
			h.useAdmin()
			if mode == "live" {
				h.load(liveLAPI(api.URL, api.Key, "timeout 5s", withMachine))
			} else {
				h.load(strings.Replace(withLAPI(api.URL, api.Key), "interval 100ms", "interval 1h\n"+withMachine, 1))
				h.waitSynced()
			}
			h.waitStatus(banned, http.StatusForbidden)
			api.Allowlist(prefix(t, banned))
			if out, failure := h.command("sync", "--wait", "--address", h.admin); out != "Reading again: lapi\n" || failure != "" {
				t.Errorf("%q, %s", out, failure)
			}
			if a := h.get(banned, "/"); a.status != http.StatusOK {
				t.Errorf("once it has waited, a client on the allowlist gets %d", a.status)
			}
			if a := stands(h); a == nil || a.Entries != 1 || a.Read.IsZero() || a.AgeSeconds == nil || *a.AgeSeconds > 60 || a.Error != "" {
				t.Errorf("%+v", a)
			}
			api.InjectWhen(lapitest.Path("/v1/allowlists"), -1, lapitest.Status(500, nil, `{"message":"no such table"}`))
			_, failure := h.command("sync", "--wait=2s", "--address", h.admin)
			if !strings.Contains(failure, "not in sync after 2s: lapi (reading the allowlists: status 500") {
				t.Error(failure)
			}
			if a := stands(h); a == nil || a.Entries != 1 || !strings.Contains(a.Error, "no such table") {
				t.Errorf("%+v", a)
			}
			out, _ := h.command("status", "--address", h.admin)
			if !regexp.MustCompile(`ALLOWLISTS OF +ENTRIES +READ +LAST ERROR\nlapi +1 +\d+s ago +reading the allowlists: status 500`).MatchString(out) {
				t.Error(out)
			}
		})
	}
}

func TestStatusShowsNoAllowlistsWithoutAMachine(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.useAdmin()
	h.load(withLAPI(api.URL, api.Key))
	h.waitSynced()
	if out, _ := h.command("status", "--address", h.admin); stands(h) != nil || strings.Contains(out, "ALLOWLISTS") {
		t.Error(out)
	}
}
