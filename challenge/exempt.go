package challenge

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// exempt reports whether challenges do not hold for r: what crawlers and
// certificate authorities fetch, who solve none, and the preflight that a browser
// sends before a request to another origin, always without cookies. That is for
// decisions about the client: a verdict about r itself holds for r (see
// [Visitor]).
//
// An application with one entrance for all addresses may make anything of a request:
// it can take the method from a header or a parameter, and the path from another
// header. So whatever could say more than method and path makes r an ordinary
// request. What is left is reduced by [Gate.Exempt], which looks at the answer too.
func exempt(r *http.Request) bool {
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || misleads(r.Header) {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p := r.URL.EscapedPath()
		// What was rewritten is still known to the application by what it was.
		return r.URL.RawQuery == "" && !r.URL.ForceQuery && (r.RequestURI == "" || r.RequestURI == p) && exemptPath(p)
	case http.MethodOptions:
		return r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
	}
	return false
}

// misleading are parts of the names of headers that may change what a request asks
// for: X-HTTP-Method-Override, X-Original-URL, X-Rewrite-URL, X-Forwarded-Prefix,
// Upgrade, and what others call them.
var misleading = []string{
	"destination", "method", "original", "override", "path", "prefix", "query", "redirect", "rewrite", "route", "script", "upgrade", "uri", "url",
}

// misleads reports whether a header of h may change what is asked for.
func misleads(h http.Header) bool {
	for name := range h {
		name = strings.ToLower(name)
		if name == "access-control-request-method" || name == "upgrade-insecure-requests" {
			continue
		}
		if slices.ContainsFunc(misleading, func(part string) bool { return strings.Contains(name, part) }) {
			return true
		}
	}
	return false
}

// The paths that are exempt, and the folder.
const (
	robots    = "/robots.txt"
	favicon   = "/favicon.ico"
	wellKnown = "/.well-known/"
)

// exemptPath reports whether p, with its escapes, is one that challenges do not
// hold for, whoever reads it: anything that another server might read as a path
// out of /.well-known/, or as that of a script and what is to be handed to it, is
// not.
func exemptPath(p string) bool {
	if p == robots || p == favicon {
		return true
	}
	rest, ok := strings.CutPrefix(p, wellKnown)
	if !ok || strings.ContainsFunc(rest, unplain) || strings.TrimSuffix(p, "/") != path.Clean(p) {
		return false
	}
	folders, _ := path.Split(rest)
	return !strings.Contains(folders, ".")
}

// unplain reports whether r in a path may mean something else than itself:
// escapes, backslashes, and the parameters that some servers cut off.
func unplain(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("/-._~", r)
}

// reduced returns r, which is exempt, as the application is to see it: method, path,
// and headers that say nothing about whose request it is.
func reduced(r *http.Request) *http.Request {
	bare := r.Clone(r.Context())
	bare.Body = http.NoBody
	bare.URL.RawQuery, bare.URL.ForceQuery = "", false
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		u.RawQuery, u.ForceQuery = "", false
		bare.RequestURI = u.RequestURI()
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		bare.Header.Del(name)
	}
	return bare
}
