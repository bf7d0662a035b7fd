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
	Message string     `json:"message,omitempty"` // of what fails
	Reasons []string   `json:"reasons,omitempty"`
	Purged  *time.Time `json:"purged,omitempty"` // when old data were last deleted
	Frozen  bool       `json:"frozen,omitempty"` // nothing is added to the list
	Open    int        `json:"open_cases"`
	Late    int        `json:"late_cases"`
}

// health serves /healthz, for everybody: it names nobody.
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

// robots keeps search engines away: an address is not to be found by its listing.
func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n")) // if the client is gone, nobody is left to tell
}
