package api

import (
	"cmp"
	"net/http"
	"strings"
	"time"
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

// health serves /healthz. It is public and names no one.
func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	release, err := h.shares.take(source(h.from(r)), h.cfg.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer release()
	found := h.centre.Health(r.Context())
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
