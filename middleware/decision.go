package middleware

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A lookupFunc finds the decision in force for an address.
type lookupFunc func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)

// The decisionStage finds the decision about the client.
type decisionStage struct {
	find   lookupFunc // for a new request
	again  lookupFunc // for one in progress
	logger *zap.Logger
}

// enter sets f.decision and f.found.
func (d *decisionStage) enter(r *http.Request, f *finding) {
	if !f.client.IsValid() {
		return
	}
	f.decision, f.found = f.visit.lookup(r.Context(), d.find, f.client)
	f.found = f.found && f.decision.Action != lookup.None
}

// recheck finds the decision for the client of a request in progress. It recovers from
// a panic of the lookup, as the server does for a new request.
func (d *decisionStage) recheck(ctx context.Context, client netip.Addr) (by lookup.Decision, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			by, ok = lookup.Decision{}, false
			d.logger.Error("lookup panicked", zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	return d.again(ctx, client)
}
