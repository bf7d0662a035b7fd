package challenge

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// exempt reports whether r is exempt from challenges. These are the paths that crawlers
// and certificate authorities fetch, because they cannot solve challenges, and the
// preflights of browsers, because they carry no cookies. Only decisions about the
// client have exemptions: a verdict about r itself always holds (see [Visitor]).
//
// A front controller can take the method or the path from a header or a parameter. So a
// request with anything beyond a method and a path is not exempt. [Gate.Exempt] reduces
// an exempt request, and checks the response too.
func exempt(r *http.Request) bool {
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || misleads(r.Header) {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p := r.URL.EscapedPath()
		// After a rewrite, the application can still read the original target.
		return r.URL.RawQuery == "" && !r.URL.ForceQuery && (r.RequestURI == "" || r.RequestURI == p) && exemptPath(p)
	case http.MethodOptions:
		return r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
	}
	return false
}

// misleading are parts of the names of headers that may change the meaning of a
// request: X-HTTP-Method-Override, X-Original-URL, X-Rewrite-URL, X-Forwarded-Prefix,
// Upgrade, and similar ones.
var misleading = []string{
	"destination", "method", "original", "override", "path", "prefix", "query", "redirect", "rewrite", "route", "script", "upgrade", "uri", "url",
}

// misleads reports whether h has a header that may change the meaning of a request.
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

// The exempt paths and the exempt folder.
const (
	robots    = "/robots.txt"
	favicon   = "/favicon.ico"
	wellKnown = "/.well-known/"
)

// exemptPath reports whether p, a path with its escapes, is exempt. It refuses each
// path that another server might interpret as leading out of /.well-known/, or as a
// script with path info.
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

// unplain reports whether the character r may have a special meaning in a path:
// escapes, backslashes, and the parameters that some servers cut off.
func unplain(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("/-._~", r)
}

// reduced returns the exempt request r as the application may see it: method, path, and
// headers that do not identify the sender.
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
