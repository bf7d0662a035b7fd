package middleware

import (
	"net/http"

	"github.com/tocsin-project/tocsin/lookup"
)

// The addressStage finds the client of a request.
type addressStage struct {
	of      IPFunc
	nat64   *lookup.NAT64 // nil: the well-known prefix only
	results *resultLog
}

// enter sets f.client, unless the address is unknown, and counts r.
func (a *addressStage) enter(r *http.Request, f *finding) {
	ip, first := a.of(r), f.visit.begin()
	if ip.IsValid() {
		// The IPFunc may be the caller's own, and each client must have only one form
		// of its address.
		f.client = a.nat64.Normalize(ip)
	}
	if first {
		a.results.processed(r, f.client)
	}
}
