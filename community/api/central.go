package api

import (
	"errors"
	"net/http"

	"github.com/tocsin-project/tocsin/community"
)

// asEngine admits CrowdSec engines by the token of their login.
func (h *Handler) asEngine(serve served) http.HandlerFunc {
	return h.admit(func(r *http.Request) (community.Caller, error) {
		shown := authorization(r)
		if !isToken(shown) {
			return community.Caller{}, errBadToken
		}
		return h.byToken(r, shown)
	}, serve)
}

// centralLogin serves POST …/watchers/login.
func (h *Handler) centralLogin(w http.ResponseWriter, r *http.Request) {
	p, err := h.login(w, r)
	switch {
	case err == nil:
		answer(w, http.StatusOK, p)
	case errors.Is(err, community.ErrDenied):
		refuse(w, http.StatusForbidden, "the machine_id or the password is wrong")
	default:
		h.fail(w, r, err)
	}
}

// centralSignals serves POST …/signals. It drops signals that the community cannot use without
// an error, because an engine could not correct them.
func (h *Handler) centralSignals(w http.ResponseWriter, r *http.Request, by community.Caller) {
	if _, err := h.takeSignals(w, r, by); err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, allRight)
}

// centralDelete serves POST …/decisions/delete: an engine reports that a person deleted
// decisions. The community never had these.
func (h *Handler) centralDelete(w http.ResponseWriter, r *http.Request, _ community.Caller) {
	var ids []string
	if err := h.readJSON(w, r, maxBody, &ids); err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, allRight)
}

func noConsole(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	refuse(w, http.StatusNotImplemented, "this community has no console to enroll in")
}

func noReset(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotImplemented, "a password is reset by the operator of the community")
}
