package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
)

const jsonType = "application/json"

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

// refuse answers with an error. Old CrowdSec engines crash on one without a message.
func refuse(w http.ResponseWriter, code int, message string) {
	answer(w, code, protocol.Error{Message: message})
}

// A refusal is an error with the status code and the message of its answer.
type refusal struct {
	code    int
	message string
	retry   time.Duration // 0: the answer does not say when to ask again
}

func (e refusal) Error() string { return e.message }

var (
	errNoMember   = refusal{code: http.StatusForbidden, message: "this account reads the list only: it may not send signals"}
	errStranger   = refusal{code: http.StatusForbidden, message: "access forbidden"}
	errNoKey      = refusal{code: http.StatusUnauthorized, message: "a member's key is missing: send Authorization: Bearer KEY"}
	errBadLink    = refusal{code: http.StatusForbidden, message: "this link is wrong or has ended"}
	errBadToken   = refusal{code: http.StatusUnauthorized, message: "this token is wrong or has ended: log in again"}
	errUnknownKey = refusal{code: http.StatusUnauthorized, message: "this key belongs to no member"}
)

// fail answers with the meaning of err for the caller, and logs errors that only the operator
// can solve.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := h.meaning(r, err)
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.retry+time.Second-1)/time.Second), 10))
	}
	if e.code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="community", Basic realm="community"`)
	}
	refuse(w, e.code, e.message)
}

func isDenied(err error) bool { return errors.Is(err, community.ErrDenied) }

func (h *Handler) meaning(r *http.Request, err error) refusal {
	var known refusal
	var often community.TooManyError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &often):
		return refusal{http.StatusTooManyRequests, often.Error(), max(often.Retry, time.Second)}
	case errors.Is(err, community.ErrSuspended):
		return refusal{code: http.StatusForbidden, message: "this account is suspended: ask the operator of the community"}
	case isDenied(err):
		return errStranger
	case errors.Is(err, community.ErrTerms):
		return refusal{code: http.StatusForbidden, message: "accept the terms of version " + h.about.Terms + " first: " + h.cfg.TermsURL}
	case errors.Is(err, community.ErrInvalid):
		return refusal{code: http.StatusBadRequest, message: err.Error()}
	case r.Context().Err() != nil:
		return refusal{http.StatusServiceUnavailable, "the request was given up", time.Second}
	}
	// The route, not the path: a path is free text.
	h.cfg.Log.Error("a request failed", zap.String("route", r.Pattern), zap.Error(err))
	return refusal{http.StatusServiceUnavailable, "the community cannot do this now: try again later", 30 * time.Second}
}
