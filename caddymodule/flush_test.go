package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// When Caddy stops, or a reload ends the counter, the log says how many lines were left
// out.
func TestTheEndTellsWhatWasLeftOutOfTheLog(t *testing.T) {
	for name, end := range map[string]func(h *host){
		"a stop":               func(*host) {},
		"a reload, and a stop": func(h *host) { h.load(strings.Replace(h.flooded(), "respond ok", "respond fine", 1)) },
		"a reload with another engine": func(h *host) {
			h.load(strings.Replace(h.flooded(), "snapshot off", "snapshot off\nblocklist {DIR}/more.txt", 1))
		},
		"a reload without tocsin, a stop": func(h *host) { h.load(logsTo("log", globals("")) + "http://{ADDR} {\nrespond ok\n}") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.flooded())
			for range 5 + 3 {
				if a := h.get(banned, "/"); a.status != http.StatusForbidden {
					t.Fatalf("status %d", a.status)
				}
			}
			for i := range 5 + 4 { // alerts about one network
				h.get(fmt.Sprintf("198.51.100.%d", i), "/trap")
			}
			for i := range 1 + 2 {
				h.get(fmt.Sprintf("10.1.2.%d", i+1), "/trap")
			}
			wait(t, func() error {
				if n := runningEngine(t).Stats().Alerts.Total; n != 5+4+1+2 {
					return fmt.Errorf("%d alerts", n)
				}
				return nil
			})
			h.list("more.txt", "192.0.2.200")
			end(h)
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			for _, want := range [][]string{
				{"stopped requests left out of the log", `"requests":3`},
				{"alerts left out of the log", `"alerts":4`},
				{"alerts about exempt clients left out of the log", `"scenario":"trap"`, `"alerts":2`},
			} {
				if err := logged(h, "log", want...); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// flooded is a config whose log is a file.
func (h *host) flooded() string {
	return logsTo("log", h.watched(strings.Replace(trap, "ban 1h", "alert", 1), ""))
}

// logsTo returns a config with its log in a file.
func logsTo(name, caddyfile string) string {
	return strings.Replace(caddyfile, "output discard", "output file {DIR}/"+name+" {\nroll_disabled\n}", 1)
}
