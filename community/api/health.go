package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// A state is the body of /healthz.
type state struct {
	Status  string     `json:"status"`            // up or failing
	Message string     `json:"message,omitempty"` // the reason of a failure
	Reasons []string   `json:"reasons,omitempty"`
	Purged  *time.Time `json:"purged,omitempty"` // when old data were last deleted
	Frozen  bool       `json:"frozen,omitempty"` // the list gets no additions
	Open    int        `json:"open_cases"`
	Late    int        `json:"late_cases"`
}

// checkEvery is the age of a check at which the next request checks again. A check writes to the
// database, and anybody may ask.
const checkEvery = 5 * time.Second

// A pulse keeps the result of the latest check, for all who ask.
type pulse struct {
	mu   sync.Mutex
	at   time.Time
	last community.Health
}

func (p *pulse) check(ctx context.Context, centre Centre, now time.Time) community.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := now.Sub(p.at); p.at.IsZero() || age < 0 || age >= checkEvery {
		// The result is for others, too, so it must not depend on the patience of this client.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkEvery)
		defer cancel()
		p.last, p.at = centre.Health(ctx), now
	}
	return p.last
}

// health serves /healthz. It is public and names no one.
func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	release, err := h.shares.take(source(h.from(r)), h.cfg.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer release()
	found := h.pulse.check(r.Context(), h.centre, h.cfg.Now())
	out := state{
		Status: "up", Reasons: found.Problems, Frozen: found.Frozen.On, Open: found.Open, Late: found.Late,
	}
	if !found.Retention.IsZero() {
		at := found.Retention.UTC()
		out.Purged = &at
	}
	code := http.StatusOK
	if !found.OK {
		out.Status, code = "failing", http.StatusServiceUnavailable
		out.Message = cmp.Or(strings.Join(found.Problems, "; "), "the centre does not work")
	}
	answer(w, code, out)
}

// robots excludes search engines, so that they do not index listed addresses.
func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n")) // an error means that the client has disconnected
}
