package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// asBouncer admits callers with an API key. Others get the error message of CrowdSec's server.
func (h *Handler) asBouncer(serve served) http.HandlerFunc {
	return h.admit(h.bouncer, serve)
}

func (h *Handler) bouncer(r *http.Request) (community.Caller, error) {
	key := r.Header.Get("X-Api-Key")
	if key == "" {
		return community.Caller{}, errStranger
	}
	return h.centre.Key(r.Context(), key, h.from(r))
}

// asMachine admits callers with a token. Others get an answer in CrowdSec's form, which makes
// its agents log in again.
func (h *Handler) asMachine(serve served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown := authorization(r)
		if shown == "" {
			unauthorized(w, "cookie token is empty")
			return
		}
		by, err := h.byToken(r, shown)
		if err == errBadToken { //nolint:errorlint // it is never wrapped
			unauthorized(w, errBadToken.message)
			return
		}
		h.admit(func(*http.Request) (community.Caller, error) { return by, err }, serve)(w, r)
	}
}

// asAny admits bouncers and machines.
func (h *Handler) asAny(serve served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") == "" && authorization(r) != "" {
			h.asMachine(serve)(w, r)
			return
		}
		h.asBouncer(serve)(w, r)
	}
}

// A loginError is the body of a refused login or token.
type loginError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func unauthorized(w http.ResponseWriter, message string) {
	answer(w, http.StatusUnauthorized, loginError{http.StatusUnauthorized, message})
}

// Credentials are the login data of a machine. It also sends its scenarios, which are dropped.
type credentials struct {
	Machine    string `json:"machine_id"`
	Password   string `json:"password"`
	Invitation string `json:"registration_token"` // when it registers
}

// A pass is the answer to a login.
type pass struct {
	Code   int    `json:"code"`
	Expire string `json:"expire"`
	Token  string `json:"token"`
}

// login returns a token for the credentials in the body.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) (pass, error) {
	release, err := h.shares.take(source(h.from(r)), h.cfg.Now())
	if err != nil {
		return pass{}, err
	}
	defer release()
	var in credentials
	if err := h.readJSON(w, r, maxLogin, &in); err != nil {
		return pass{}, err
	}
	if in.Machine == "" || in.Password == "" {
		return pass{}, refusal{code: http.StatusBadRequest, message: "machine_id or password is missing"}
	}
	// Logins should be rare, because tokens last an hour. This does not limit other accounts
	// behind the same address.
	done, err := h.logins.take(source(h.from(r))+" "+in.Machine, h.cfg.Now())
	if err != nil {
		return pass{}, err
	}
	defer done()
	by, err := h.centre.Login(r.Context(), in.Machine, in.Password, h.from(r))
	if err != nil {
		return pass{}, err
	}
	return h.pass(by)
}

func (h *Handler) pass(by community.Caller) (pass, error) {
	token, until, err := h.mint.token(&by, h.cfg.Now())
	return pass{http.StatusOK, until.UTC().Format(time.RFC3339), token}, err
}

// localLogin serves POST /v1/watchers/login.
func (h *Handler) localLogin(w http.ResponseWriter, r *http.Request) {
	p, err := h.login(w, r)
	switch {
	case err == nil:
		answer(w, http.StatusOK, p)
	case errors.Is(err, community.ErrDenied):
		unauthorized(w, "incorrect Username or Password")
	default:
		h.fail(w, r, err)
	}
}

// refresh serves GET /v1/refresh_token.
func (h *Handler) refresh(w http.ResponseWriter, r *http.Request, by community.Caller) {
	p, err := h.pass(by)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, p)
}

// enlist serves POST …/watchers: a program joins by an invitation, and chooses its login and
// password. The invitation is in CrowdSec's field for the registration token, followed by a
// comma and the version of the terms that its operator accepts.
func (h *Handler) enlist(created int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h.register(w, r); err != nil {
			h.fail(w, r, err)
			return
		}
		answer(w, created, map[string]string{"message": "OK"})
	}
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	release, err := h.shares.take(source(h.from(r)), h.cfg.Now())
	if err != nil {
		return err
	}
	defer release()
	var in credentials
	if err := h.readJSON(w, r, maxLogin, &in); err != nil {
		return err
	}
	if in.Invitation == "" {
		return refusal{code: http.StatusForbidden, message: "this community takes members by invitation: send it as registration_token"}
	}
	code, terms, _ := strings.Cut(in.Invitation, ",")
	err = h.centre.Enlist(r.Context(), code, in.Machine, in.Password, terms, h.from(r))
	switch {
	case errors.Is(err, community.ErrTaken):
		return refusal{code: http.StatusForbidden, message: "this login is taken: user already exist"}
	case errors.Is(err, community.ErrTerms):
		return refusal{code: http.StatusForbidden, message: "accept the terms at " + h.cfg.TermsURL + ": send INVITATION," + h.about.Terms + " as registration_token"}
	case errors.Is(err, community.ErrDenied), errors.Is(err, community.ErrNotFound):
		return refusal{code: http.StatusForbidden, message: "this invitation is unknown, used or has ended"}
	}
	return err
}

// decisions serves GET /v1/decisions: the decisions in force for an address.
func (h *Handler) decisions(w http.ResponseWriter, r *http.Request, by community.Caller) {
	f, err := parseFilter(r.URL.Query(), false)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	now, list := h.cfg.Now(), h.centre.List()
	out := sheet{now: now, filter: &f}
	if f.prefix.IsValid() && !f.within {
		// The unit that contains an address or range; no unit contains a wider range.
		if l, ok := list.Get(consensus.UnitOf(f.prefix.Addr())); ok {
			out.add(&l)
		}
	} else {
		end, err := h.begin(w, r, by)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		defer end()
		for i := range entriesOf(list) {
			out.add(&list.Entries[i])
		}
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(out.orNull()) // an error means that the client has disconnected
}

func justOK(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	w.WriteHeader(http.StatusOK)
}

func noContent(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	w.WriteHeader(http.StatusNoContent)
}

func up(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "up"})
}

// noDeletion answers requests to delete decisions.
func noDeletion(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	refuse(w, http.StatusForbidden, "a member cannot end the decisions of a community: whoever has the address can appeal")
}

// noAlerts answers requests for alerts: a community keeps none.
func noAlerts(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	answer(w, http.StatusOK, nil)
}

// noAllowlists answers with no allowlists: an engine would ignore attacks from the exempt
// addresses, and the list would show those of the operator and the canaries.
func noAllowlists(w http.ResponseWriter, _ *http.Request, _ community.Caller) {
	answer(w, http.StatusOK, []struct{}{})
}

func notAllowed(w http.ResponseWriter, r *http.Request, _ community.Caller) {
	if r.Method == http.MethodPost {
		answer(w, http.StatusOK, map[string][]struct{}{"results": {}})
		return
	}
	answer(w, http.StatusOK, struct{}{})
}
