package people

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

const (
	maxKey       = 256 // bytes of a key or a password
	shownReports = 100
)

// asMember is a page for a member who has logged in.
type asMember func(w http.ResponseWriter, r *http.Request, by community.Caller, s session) error

// addMember adds the pages for members.
func (h *Handler) addMember(m *http.ServeMux) {
	m.Handle("GET /member", h.english(h.member))
	m.Handle("POST /member/login", h.english(h.login))
	m.Handle("POST /member/logout", h.english(h.logout))
	for pattern, act := range map[string]asMember{
		"POST /member/terms":   h.acceptTerms,
		"POST /member/key":     h.renewKey,
		"POST /member/invite":  h.inviteBy,
		"POST /member/disown":  h.disown,
		"POST /member/contact": h.setContact,
		"POST /member/leave":   h.leave,
	} {
		m.Handle(pattern, h.english(h.authentic(act)))
	}
}

// authentic checks a form of a member: it must have a value that was signed for this member.
func (h *Handler) authentic(act asMember) page {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, ok := h.sessionOf(r)
		if !ok {
			return h.showLogin(w, r, http.StatusUnauthorized, "Please log in again.")
		}
		by, err := h.caller(r, s)
		if err != nil {
			return h.refuseLogin(w, r, err)
		}
		if !h.mint.valid(r.PostForm.Get("proof"), "member", by.Login) {
			return errForeign
		}
		return act(w, r, by, s)
	}
}

type loginView struct{ Proof string }

func (h *Handler) showLogin(w http.ResponseWriter, r *http.Request, status int, alert string) error {
	return h.render(w, r, status, "login", &view{
		words: &english, Title: "For members", Alert: alert, Data: loginView{h.mint.sign("login", unitOf(h.cfg.ClientIP(r)).String())},
	})
}

// refuseLogin shows the login again after a wrong key or password.
func (h *Handler) refuseLogin(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, community.ErrDenied) && !errors.Is(err, community.ErrSuspended) {
		return err
	}
	if err := h.setCookie(w, nil); err != nil {
		return err
	}
	return h.showLogin(w, r, http.StatusForbidden, strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".")
}

func (h *Handler) login(w http.ResponseWriter, r *http.Request) error {
	if !h.mint.valid(r.PostForm.Get("proof"), "login", unitOf(h.cfg.ClientIP(r)).String()) {
		return errForeign
	}
	s := session{Login: strings.TrimSpace(r.PostForm.Get("login")), Shown: strings.TrimSpace(r.PostForm.Get("key")), Until: h.cfg.Now().Add(sessionLife)}
	if s.Shown == "" || len(s.Shown) > maxKey || len(s.Login) > 64 {
		return h.showLogin(w, r, http.StatusForbidden, "Please write your API key.")
	}
	if _, err := h.caller(r, s); err != nil {
		return h.refuseLogin(w, r, err)
	}
	if err := h.setCookie(w, &s); err != nil {
		return err
	}
	http.Redirect(w, r, "/member", http.StatusSeeOther)
	return nil
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	if err := h.setCookie(w, nil); err != nil {
		return err
	}
	return h.showLogin(w, r, http.StatusOK, "You are logged out.")
}

// A memberView is the data of a member's page.
type memberView struct {
	Login    string
	Role     community.Role
	Standing community.Standing
	Reports  []community.Report
	Own      []consensus.Unit
	Terms    string // the current version
	TermsURL string
	Accepted string
	Proof    string
	Shown    int
	Secret   *secret
}

// A secret is shown once.
type secret struct{ Title, Text, Value string }

// Reporter reports whether the member sends signals.
func (v memberView) Reporter() bool { return v.Role == community.Reporter }

// StateOf names a state.
func (v memberView) StateOf() string { return stateOf(v.Standing.State) }

func stateOf(s consensus.State) string {
	switch s {
	case consensus.Vouched:
		return "vouched for"
	case consensus.Quarantined:
		return "set aside"
	case consensus.Suspended:
		return "suspended"
	}
	return "active"
}

// member shows the page of a member, or the login.
func (h *Handler) member(w http.ResponseWriter, r *http.Request) error {
	s, ok := h.sessionOf(r)
	if !ok {
		return h.showLogin(w, r, http.StatusOK, "")
	}
	by, err := h.caller(r, s)
	if err != nil {
		return h.refuseLogin(w, r, err)
	}
	return h.showMember(w, r, by, "", nil)
}

func (h *Handler) showMember(w http.ResponseWriter, r *http.Request, by community.Caller, alert string, once *secret) error {
	standing, err := h.centre.StandingOf(r.Context(), by)
	if err != nil {
		return err
	}
	reports, err := h.centre.ReportsOf(r.Context(), by, shownReports)
	if err != nil {
		return err
	}
	v := memberView{
		Login: by.Login, Role: by.Role, Standing: standing, Reports: reports, Own: by.Own, Accepted: by.Terms,
		Terms: h.about.Terms, TermsURL: cmp.Or(h.cfg.TermsURL, "/terms"), Proof: h.mint.sign("member", by.Login), Shown: shownReports, Secret: once,
	}
	return h.render(w, r, http.StatusOK, "member", &view{words: &english, Title: "Your membership", Wide: true, Alert: alert, Data: v})
}

func (h *Handler) acceptTerms(w http.ResponseWriter, r *http.Request, by community.Caller, _ session) error {
	version := r.PostForm.Get("version")
	if err := h.centre.AcceptTerms(r.Context(), by, version); err != nil {
		return err
	}
	by.Terms = version
	return h.showMember(w, r, by, "You accepted the terms.", nil)
}

// renewKey shows the new key once, and continues the session with it.
func (h *Handler) renewKey(w http.ResponseWriter, r *http.Request, by community.Caller, s session) error {
	key, err := h.centre.RenewKey(r.Context(), by)
	if err != nil {
		return err
	}
	if _, ok := h.sessionOfBrowser(r); ok {
		if err := h.setCookie(w, &session{Shown: key, Until: s.Until}); err != nil {
			return err
		}
	}
	return h.showMember(w, r, by, "Your key is renewed.", &secret{"Your new API key", "It is shown only now. The old key, or a password, is void.", key})
}

func (h *Handler) inviteBy(w http.ResponseWriter, r *http.Request, by community.Caller, _ session) error {
	code, err := h.centre.InviteBy(r.Context(), by, r.PostForm.Get("name"))
	if _, ok := errors.AsType[community.TooManyError](err); ok {
		return h.showMember(w, r, by, "You have used all invitations of this month: three.", nil)
	}
	if err != nil {
		return err
	}
	return h.showMember(w, r, by, "The invitation is made.", &secret{"The invitation", "It is shown only now, and lasts a month. Whom you invite has one vote together with you.", code})
}

func (h *Handler) disown(w http.ResponseWriter, r *http.Request, by community.Caller, _ session) error {
	unit, err := consensus.ParseUnit(r.PostForm.Get("address"))
	if err != nil {
		return errForm
	}
	if err := h.centre.Disown(r.Context(), by, unit); err != nil {
		return err
	}
	var rest []consensus.Unit
	for _, own := range by.Own {
		if own != unit {
			rest = append(rest, own)
		}
	}
	by.Own = rest
	return h.showMember(w, r, by, show(unit)+" is no longer one of your addresses.", nil)
}

func (h *Handler) setContact(w http.ResponseWriter, r *http.Request, by community.Caller, _ session) error {
	if err := h.centre.SetContact(r.Context(), by, strings.TrimSpace(r.PostForm.Get("contact"))); err != nil {
		return err
	}
	return h.showMember(w, r, by, "Your contact is noted.", nil)
}

func (h *Handler) leave(w http.ResponseWriter, r *http.Request, by community.Caller, _ session) error {
	if r.PostForm.Get("sure") == "" {
		return h.showMember(w, r, by, "Nothing has changed. To leave, tick the box, too.", nil)
	}
	if err := h.centre.Leave(r.Context(), by); err != nil {
		return err
	}
	if err := h.setCookie(w, nil); err != nil {
		return err
	}
	return h.showLogin(w, r, http.StatusOK, "You have left the community. Your account is deleted soon; your reports keep a hash until they are too old.")
}
