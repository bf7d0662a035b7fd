package lapitest

import (
	"net/http"
	"net/netip"
	"slices"
)

// Allowlist adds p to the server's only allowlist. The server then silently drops alerts
// about addresses in p: the answer has fewer IDs than there were alerts. Alerts that contain
// their own decisions are still accepted. Decisions in force stay, as up to 1.6.8. With
// generation Newest, as from 1.6.9 on, decisions about clients in p end, and so do decisions
// about ranges that contain p: this is how the source of 1.6.9, of 1.7.8, and of the master
// branch of July 2026 (a88b497) works.
func (h *Handler) Allowlist(p netip.Prefix) {
	p = p.Masked()
	if h.Generation() == Newest {
		h.endInForce(func(r *row) bool {
			q, ok := parsePrefix(r.Value)
			return ok && q.Overlaps(p)
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allowed = append(h.allowed, p)
}

// Disallow removes p from the allowlist.
func (h *Handler) Disallow(p netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allowed = slices.DeleteFunc(h.allowed, func(q netip.Prefix) bool { return q == p.Masked() })
}

// allowlists serves GET /v1/allowlists. An entry without an end ends in the year 1.
// Generation Old does not know the path.
func (h *Handler) allowlists(w http.ResponseWriter, r *http.Request, _ string) {
	type item struct {
		Value       string `json:"value"`
		Description string `json:"description"`
		CreatedAt   string `json:"created_at"`
		Expiration  string `json:"expiration"`
	}
	type allowlist struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		CreatedAt   string `json:"created_at"`
		UpdatedAt   string `json:"updated_at"`
		Items       []item `json:"items"`
	}
	const made, never = "2026-01-02T03:04:05.000Z", "0001-01-01T00:00:00.000Z"
	h.mu.Lock()
	defer h.mu.Unlock()
	l := allowlist{Name: "test", Description: "for a test", CreatedAt: made, UpdatedAt: made, Items: []item{}}
	if r.URL.Query().Get("with_content") == "true" {
		for _, p := range h.allowed {
			value := p.String()
			if p.IsSingleIP() {
				value = p.Addr().String()
			}
			l.Items = append(l.Items, item{Value: value, CreatedAt: made, Expiration: never})
		}
	}
	writeJSON(w, http.StatusOK, []allowlist{l})
}
