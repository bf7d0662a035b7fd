package centre

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Caddy may start to serve a new config before it starts the centre of that config.
func TestARequestWaitsForTheCentre(t *testing.T) {
	for _, row := range []struct {
		name   string
		starts time.Duration
		leaves time.Duration
		after  time.Duration
		status int
	}{
		{"it starts soon", 2 * time.Second, time.Hour, 2 * time.Second, 204},
		{"it does not start", time.Hour, time.Hour, 5 * time.Second, 503},
		{"the client leaves", time.Hour, time.Second, time.Second, 503},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &Handler{opened: make(chan struct{})}
				c := new(running)
				c.ready.Store(true)
				served := make(chan struct{})
				go func() {
					defer close(served)
					<-time.After(row.starts)
					answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
					h.open.Store(&doors{c, answer, answer})
					close(h.opened)
				}()
				ctx, cancel := context.WithTimeout(t.Context(), row.leaves)
				defer cancel()
				w, began := httptest.NewRecorder(), time.Now()
				err := h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), nil)
				status := w.Code
				if refused, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
					status = refused.StatusCode
				}
				if took := time.Since(began); status != row.status || took != row.after {
					t.Errorf("status %d after %v; want %d after %v", status, took, row.status, row.after)
				}
				<-served
			})
		})
	}
}

// statusOf sends a request from an address, and returns the status and how long it took.
func statusOf(t *testing.T, h *Handler, from string) (status int, took time.Duration) {
	ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: from})
	w, began := httptest.NewRecorder(), time.Now()
	err := h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), nil)
	status = w.Code
	if refused, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		status = refused.StatusCode
	}
	return status, time.Since(began)
}

func TestFewRequestsOfANetworkWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{opened: make(chan struct{})}
		waited := make(chan string, 200)
		for _, from := range []string{"203.0.113", "198.51.100"} {
			for i := range 70 {
				go func() {
					if _, took := statusOf(t, h, fmt.Sprintf("%s.%d", from, i)); took == 5*time.Second {
						waited <- from
					}
				}()
			}
		}
		<-time.After(6 * time.Second)
		n := map[string]int{}
		for len(waited) > 0 {
			n[<-waited]++
		}
		if n["203.0.113"] != 64 || n["198.51.100"] != 64 || h.hall.waiting != 0 || len(h.hall.of) != 0 {
			t.Errorf("%v waited, and %d wait now in %d networks; want 64 each, and none now", n, h.hall.waiting, len(h.hall.of))
		}
	})
}

// A config whose centre cannot start ends sooner if no request waits for that centre.
func TestNobodyWaitsForACentreThatCannotStart(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("too short"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{opened: make(chan struct{}), Settings: Settings{Secret: secret, Site: "https://c.example"}}
		if err := (&App{handlers: []*Handler{h}}).Start(); err == nil {
			t.Fatal("it starts with a secret of nine bytes")
		}
		if status, took := statusOf(t, h, "203.0.113.1"); status != http.StatusServiceUnavailable || took != 0 {
			t.Errorf("status %d after %v", status, took)
		}
	})
}
