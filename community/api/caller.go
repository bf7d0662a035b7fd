package api

import (
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/community"
)

// A served handler gets its caller. A caller without a login is a stranger in a public
// community, or has a link.
type served func(w http.ResponseWriter, r *http.Request, by community.Caller)

// asReader admits accounts, and strangers if the community is public.
func (h *Handler) asReader(serve served) http.HandlerFunc {
	return h.admit(func(r *http.Request) (community.Caller, error) {
		by, err := h.caller(r)
		if err == errNoKey && h.about.Public { //nolint:errorlint // it is never wrapped
			return community.Caller{}, nil
		}
		return by, err
	}, serve)
}

// asMember admits members.
func (h *Handler) asMember(serve served) http.HandlerFunc {
	return h.admit(func(r *http.Request) (community.Caller, error) {
		return reporting(h.caller(r))
	}, serve)
}

// reporting refuses readers.
func reporting(by community.Caller, err error) (community.Caller, error) {
	if err == nil && by.Role != community.Reporter {
		err = errNoMember
	}
	return by, err
}

// admit answers callers that who admits, within their share.
func (h *Handler) admit(who func(*http.Request) (community.Caller, error), serve served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, err := who(r)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		release, err := h.shares.take(h.name(r, by), h.cfg.Now())
		if err != nil {
			h.fail(w, r, err)
			return
		}
		defer release()
		serve(w, r, by)
	}
}

// name returns the name of the share for a request.
func (h *Handler) name(r *http.Request, by community.Caller) string {
	if by.Login == "" {
		return source(h.from(r))
	}
	return "login " + by.Login
}

// caller returns the caller of a request by its API key, token or link.
func (h *Handler) caller(r *http.Request) (community.Caller, error) {
	if q := r.URL.Query(); q.Has("sign") {
		if !h.mint.linked(r.URL.Path, q, h.cfg.Now()) {
			return community.Caller{}, errBadLink
		}
		return community.Caller{}, nil
	}
	shown := r.Header.Get("X-Api-Key")
	if shown == "" {
		shown = authorization(r)
	}
	if _, password, ok := r.BasicAuth(); ok && shown == "" {
		shown = password
	}
	switch {
	case shown == "":
		return community.Caller{}, errNoKey
	case isToken(shown):
		return h.byToken(r, shown)
	}
	return h.byKey(r, shown)
}

// authorization returns a token or key, with or without the word Bearer before it: CrowdSec's
// library for Python sends it without.
func authorization(r *http.Request) string {
	shown := strings.TrimSpace(r.Header.Get("Authorization"))
	scheme, rest, two := strings.Cut(shown, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(rest)
	case two:
		return ""
	}
	return shown
}

func (h *Handler) byKey(r *http.Request, key string) (community.Caller, error) {
	by, err := h.centre.Key(r.Context(), key, h.from(r))
	if err != nil && isDenied(err) {
		err = errUnknownKey
	}
	return by, err
}

func (h *Handler) byToken(r *http.Request, token string) (community.Caller, error) {
	login, proof, ok := h.mint.open(token, h.cfg.Now())
	if !ok {
		return community.Caller{}, errBadToken
	}
	by, err := h.centre.Caller(r.Context(), login)
	// A token must not outlive the key of its account: a thief could renew it for ever.
	if err == nil && proof != by.Proof || err != nil && isDenied(err) {
		return community.Caller{}, errBadToken
	}
	return by, err
}
