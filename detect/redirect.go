package detect

import (
	"path"
	"slices"
	"strings"
)

// A redirect is where an answer leads, in lower case.
type redirect struct {
	host     string // empty: the same
	path     string // from the root
	query    string
	fragment string
}

// redirect returns where the answer leads.
func (v *view) redirect() redirect {
	return v.parseRedirect(first(v.evt.Header["Location"]))
}

// parseRedirect reads an address as a browser does that got it from v.
func (v *view) parseRedirect(to string) redirect {
	from, _ := v.unescapedPath()
	r := resolve(strings.ToLower(to[:min(len(to), maxField)]), strings.ToLower(from))
	if v.isHere(r.host) {
		r.host = ""
	}
	return r
}

// resolve takes an address apart that may be relative to the page at the path from.
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

// isHere reports whether a host in lower case is the one that was asked, or that with
// www. before it. Where nobody knows which one was asked it is.
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

// redirectResult judges by where a redirect leads. Back to the page where the form
// stands is a failure, whatever cookies come with it: many applications set one with
// every answer. Elsewhere is a success that begins a session.
//
// Where an answer leads can be for the client to say: some applications go back to
// what its Referer names. So that says nothing good.
func (v *view) redirectResult() string {
	to := v.redirect()
	session := v.beginsCookie()
	switch {
	case to.tellsOfError() || v.namedForFailure(to):
		return loginFailure
	case v.saysLoggedIn():
		return loginSuccess
	case session && v.testsSession(to):
		return loginSuccess
	case v.leadsBack(to):
		if session && !isLoginPath(to.path) && (v.isPlace(placeShows) || v.setsAuthCookie()) {
			return loginSuccess // failures are answered by the form itself
		}
		return loginFailure
	case to.isLogin():
		return loginFailure
	case session:
		return loginSuccess
	}
	return loginTry
}

// leadsBack reports whether a redirect leads to the page that was asked for, or to the
// one that the browser came from. A front controller has all pages at one path, and a
// server in front may have asked for another host.
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

// leadsToOther reports whether the query of a redirect to the same path names another
// page than the query that was asked for, and than the one of the Referer.
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

// routeKeys are names of fields of a query by which scripts tell their pages apart.
var routeKeys = newStringSet("_task", "task", "_action", "action", "act", "module", "mod", "controller", "route", "page", "view", "option", "title", "app", "area")

// isRouted reports whether a query names a page, and another one than before. Both are
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

// samePage reports whether two paths are one page: a folder is its index.
func samePage(a, b string) bool { return withoutIndex(a) == withoutIndex(b) }

func withoutIndex(p string) string {
	p = path.Clean("/" + strings.ToLower(p))
	if name := path.Base(p); strings.HasPrefix(name, "index.") || strings.HasPrefix(name, "default.") {
		p = path.Dir(p)
	}
	return p
}

// isLogin reports whether a redirect leads to where people log in, and not on from
// there.
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

// hasTicket reports whether the address of another site has what only who has logged in
// is given, for that site to check.
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

// tellsOfError reports whether a redirect says itself that something is wrong.
func (r redirect) tellsOfError() bool {
	last := path.Base(r.path)
	return tellsOfError(r.query) || tellsOfError(r.fragment) || slices.ContainsFunc([]string{"error", "failed", "failure", "invalid", "denied"}, func(word string) bool { return strings.Contains(last, word) })
}

func tellsOfError(query string) bool {
	query = strings.ToLower(query[:min(len(query), maxElement*4)])
	for _, word := range []string{"error", "fail", "invalid", "denied", "incorrect", "wrong", "bad_", "err=", "badlogin", "unauthori"} {
		if strings.Contains(query, word) {
			return true
		}
	}
	return false
}

// namedForFailure reports whether a field that was posted says that a failure is to
// lead there.
func (v *view) namedForFailure(to redirect) bool {
	named := v.sent().failsTo
	return named != "" && v.parseRedirect(named).path == to.path
}

// testsSession reports whether a redirect is there to see whether the browser keeps the
// session that has begun, as no client has told it to.
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

// wasSaid reports whether the client itself has sent the word, in lower case, where
// applications take addresses from.
func (v *view) wasSaid(word string) bool {
	return strings.Contains(strings.ToLower(clip(v.evt.Referer)), word) || strings.Contains(strings.ToLower(v.args), word) ||
		strings.Contains(strings.ToLower(v.path()), word) || strings.Contains(strings.ToLower(string(v.evt.Body[:min(len(v.evt.Body), maxField)])), word)
}

// saysLogin reports whether a query in lower case names where people log in.
func saysLogin(query string) bool {
	return slices.ContainsFunc([]string{"login", "signin", "sign-in", "sign_in", "logon", "log-in", "authenticate"}, func(word string) bool {
		return strings.Contains(query, word)
	})
}
