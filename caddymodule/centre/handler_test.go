package centre

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
