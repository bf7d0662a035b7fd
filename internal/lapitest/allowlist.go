package lapitest

import (
	"net/http"
	"net/netip"
	"slices"
)

// Allowlist puts p on the server's one allowlist. The server then drops alerts
// about addresses in p, silently: the answer has fewer ids than there were
// alerts. Alerts that bring decisions of their own are taken in nevertheless.
// Decisions in force stay, as up to 1.6.8; with generation Newest, as from 1.6.9 on,
// those about clients in p end, and so do those about ranges around p: so it stands in the
// source of 1.6.9, of 1.7.8, and of the master branch of July 2026 (a88b497).
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

// Disallow takes p off the allowlist.
func (h *Handler) Disallow(p netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allowed = slices.DeleteFunc(h.allowed, func(q netip.Prefix) bool { return q == p.Masked() })
}

// allowlists serves GET /v1/allowlists. An entry without an end ends in the year
// one. Generation Old does not know the path.
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
