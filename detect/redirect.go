package detect

import (
	"path"
	"slices"
	"strings"
)

// A redirect is the target of a redirecting answer, in lower case.
type redirect struct {
	host     string // empty means the same host
	path     string // from the root
	query    string
	fragment string
}

// redirect returns the target of the answer.
func (v *view) redirect() redirect {
	return v.parseRedirect(first(v.evt.Header["Location"]))
}

// parseRedirect parses an address as a browser does that received it in the answer to v.
func (v *view) parseRedirect(to string) redirect {
	from, _ := v.unescapedPath()
	r := resolve(strings.ToLower(to[:min(len(to), maxField)]), strings.ToLower(from))
	if v.isHere(r.host) {
		r.host = ""
	}
	return r
}

// resolve parses an address that may be relative to the page at the path from.
func resolve(to, from string) (r redirect) {
	to, r.fragment, _ = strings.Cut(to, "#")
	to, r.query, _ = strings.Cut(to, "?")
	if _, rest, absolute := strings.Cut(to, "//"); absolute && (strings.HasPrefix(to, "//") || strings.HasPrefix(strings.ToLower(to), "http")) {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			slash = len(rest)
		}
		r.host, to = withoutPort(rest[:slash]), rest[slash:]
		if to == "" {
			to = "/"
		}
	}
	switch {
	case to == "":
		to = from
	case to[0] != '/':
		joined := path.Join("/", path.Dir(from+"x"), to)
		if strings.HasSuffix(to, "/") && joined != "/" {
			joined += "/" // which Join drops
		}
		to = joined
	}
	r.path = to
	return r
}

// isHere reports whether a host, in lower case, is the requested one, or that one with www.
// before it. If the requested host is unknown, the answer is yes.
func (v *view) isHere(host string) bool {
	asked, _ := v.host()
	return asked == "" || strings.TrimPrefix(host, "www.") == strings.TrimPrefix(strings.ToLower(asked), "www.")
}

func withoutPort(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && strings.IndexByte(host[colon:], ']') < 0 {
		return host[:colon]
	}
	return host
}

// redirectResult returns the result of a login from the target of the redirect. Back to the
// form's page is a failure, whatever cookies are set: many applications set one with every
// answer. A redirect elsewhere is a success if it starts a session.
//
// The client may influence the target: some applications redirect to the Referer. So such a
// target proves no success.
func (v *view) redirectResult() string {
	to := v.redirect()
	session := v.beginsCookie()
	switch {
	case to.showsError() || v.namedForFailure(to):
		return loginFailure
	case v.saysLoggedIn():
		return loginSuccess
	case session && v.testsSession(to):
		return loginSuccess
	case v.leadsBack(to):
		if session && !isLoginPath(to.path) && (v.isPlace(placeShows) || v.setsAuthCookie()) {
			return loginSuccess // the application answers failures with the form
		}
		return loginFailure
	case to.isLogin():
		return loginFailure
	case session:
		return loginSuccess
	}
	return loginTry
}

// leadsBack reports whether a redirect leads to the requested page, or to the page that the
// browser came from. A front controller has all pages at one path, and a server in front may
// have requested another host name.
func (v *view) leadsBack(to redirect) bool {
	if to.host != "" && (to.hasTicket() || withoutIndex(to.path) == "/") {
		return false
	}
	if samePage(to.path, v.path()) {
		return !v.leadsToOther(to)
	}
	if v.evt.Referer == "" {
		return false
	}
	from := v.parseRedirect(v.evt.Referer)
	return from.host == "" && samePage(to.path, from.path) && (to.query == from.query || !isRouted(to.query, from.query))
}

// leadsToOther reports whether a redirect to the same path has a query that names a page
// other than the request's query and the Referer's.
func (v *view) leadsToOther(to redirect) bool {
	args := strings.ToLower(v.args)
	if isLoginPath(to.path) || to.query == args || saysLogin(to.query) {
		return false
	}
	if v.evt.Referer != "" && v.parseRedirect(v.evt.Referer).query == to.query {
		return false
	}
	return isRouted(to.query, args) || to.query == "" && saysLogin(args)
}

// routeKeys are query fields by which scripts select a page.
var routeKeys = newStringSet("_task", "task", "_action", "action", "act", "module", "mod", "controller", "route", "page", "view", "option", "title", "app", "area")

// isRouted reports whether a query names a page that is not the one before. Both queries are
// in lower case.
func isRouted(query, before string) bool {
	routed := false
	eachPair(query, func(key, value string) {
		was, known := "", false
		eachPair(before, func(k, v string) {
			if k == key {
				was, known = v, true
			}
		})
		routed = routed || value != "" && (known && was != value || !known && routeKeys.has(key))
	})
	return routed
}

// samePage reports whether two paths are the same page: a folder equals its index file.
func samePage(a, b string) bool { return withoutIndex(a) == withoutIndex(b) }

func withoutIndex(p string) string {
	p = path.Clean("/" + strings.ToLower(p))
	if name := path.Base(p); strings.HasPrefix(name, "index.") || strings.HasPrefix(name, "default.") {
		p = path.Dir(p)
	}
	return p
}

// isLogin reports whether a redirect leads to a login page, and not further on from there.
func (r redirect) isLogin() bool {
	last := path.Base(r.path)
	inner := strings.Contains(r.path, "/login/") || strings.Contains(r.path, "/signin/")
	if !inner && !isLoginPath(r.path) && !looksLikeLogin("/"+r.fragment) {
		return false
	}
	leadsOn := slices.ContainsFunc([]string{"success", "welcome", "complete", "done", "callback", "continue", "consent", "authorize", "home", "landing"}, func(word string) bool {
		return strings.Contains(last, word)
	})
	return !leadsOn && (r.host == "" || !r.hasTicket())
}

// hasTicket reports whether the redirect to another site has a value that only a logged-in
// user gets, which that site will check.
func (r redirect) hasTicket() bool {
	has := false
	eachPair(r.query, func(key, value string) {
		switch key {
		case "ticket", "code", "samlresponse", "samlart", "id_token", "token":
			has = has || value != ""
		}
	})
	return has
}

// showsError reports whether the address of a redirect says that something is wrong.
func (r redirect) showsError() bool {
	last := path.Base(r.path)
	return showsError(r.query) || showsError(r.fragment) || slices.ContainsFunc([]string{"error", "failed", "failure", "invalid", "denied"}, func(word string) bool { return strings.Contains(last, word) })
}

func showsError(query string) bool {
	query = strings.ToLower(query[:min(len(query), maxElement*4)])
	for _, word := range []string{"error", "fail", "invalid", "denied", "incorrect", "wrong", "bad_", "err=", "badlogin", "unauthori"} {
		if strings.Contains(query, word) {
			return true
		}
	}
	return false
}

// namedForFailure reports whether a posted field names the page to redirect to after a
// failure.
func (v *view) namedForFailure(to redirect) bool {
	named := v.sent().failsTo
	return named != "" && v.parseRedirect(named).path == to.path
}

// testsSession reports whether a redirect checks that the browser keeps the new session. It
// does not count if the client sent the redirect's words itself.
func (v *view) testsSession(to redirect) bool {
	for _, kept := range []string{"cookie", "session"} {
		for _, text := range []string{path.Base(to.path), to.query} {
			if strings.Contains(text, kept) && (strings.Contains(text, "test") || strings.Contains(text, "check")) && !v.wasSaid(kept) {
				return true
			}
		}
	}
	return false
}

// wasSaid reports whether the client itself sent the word, in lower case, in a place from
// which applications take addresses.
func (v *view) wasSaid(word string) bool {
	return strings.Contains(strings.ToLower(clip(v.evt.Referer)), word) || strings.Contains(strings.ToLower(v.args), word) ||
		strings.Contains(strings.ToLower(v.path()), word) || strings.Contains(strings.ToLower(string(v.evt.Body[:min(len(v.evt.Body), maxField)])), word)
}

// saysLogin reports whether a query, in lower case, names a login page.
func saysLogin(query string) bool {
	return slices.ContainsFunc([]string{"login", "signin", "sign-in", "sign_in", "logon", "log-in", "authenticate"}, func(word string) bool {
		return strings.Contains(query, word)
	})
}
