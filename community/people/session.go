package people

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

const (
	cookieName  = "__Secure-tocsin-member"
	sessionLife = time.Hour
	maxCookie   = 2 << 10 // bytes of its value
)

// A session has the login data of a member. It is encrypted and stored in the browser, so the
// server keeps nothing, and a new key ends all sessions.
type session struct {
	Login string    `json:"l,omitempty"` // empty: Shown is an API key
	Shown string    `json:"s"`
	Until time.Time `json:"u"`
}

// setCookie gives the client a session, or deletes it if s is nil.
func (h *Handler) setCookie(w http.ResponseWriter, s *session) error {
	c := &http.Cookie{
		Name: cookieName, Path: "/member", MaxAge: -1, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	}
	if s != nil {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		c.Value, c.MaxAge = h.mint.lock(text), int(sessionLife/time.Second)
	}
	http.SetCookie(w, c)
	return nil
}

// sessionOf returns the session of a browser, or one of the Authorization header of a program. A
// browser of a moderator sends that header with the moderator's password to all pages.
func (h *Handler) sessionOf(r *http.Request) (s session, ok bool) {
	if s, ok = h.sessionOfBrowser(r); !ok && isProgram(r) {
		s, ok = sessionOfProgram(r)
	}
	return s, ok
}

func (h *Handler) sessionOfBrowser(r *http.Request) (s session, ok bool) {
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) > maxCookie {
		return s, false
	}
	text, ok := h.mint.unlock(c.Value)
	if !ok || json.Unmarshal(text, &s) != nil || h.cfg.Now().After(s.Until) {
		return session{}, false
	}
	return s, true
}

// isProgram reports whether a client has a header for credentials and is not a browser.
func isProgram(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" && r.Header.Get("Sec-Fetch-Mode") == ""
}

func sessionOfProgram(r *http.Request) (s session, ok bool) {
	if login, secret, basic := r.BasicAuth(); basic {
		return session{Login: login, Shown: secret}, secret != ""
	}
	if scheme, key, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(key)
		return session{Shown: key}, key != ""
	}
	return session{}, false
}

// caller returns the caller of a session.
func (h *Handler) caller(r *http.Request, s session) (community.Caller, error) {
	from := h.cfg.ClientIP(r)
	if s.Login == "" {
		return h.centre.Key(r.Context(), s.Shown, from)
	}
	return h.centre.Login(r.Context(), s.Login, s.Shown, from)
}
