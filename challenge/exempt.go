package challenge

import (
	"net/http"
	"path"
	"strings"
)

// exempt reports whether challenges do not hold for r: what crawlers and
// certificate authorities fetch, who solve none, and what browsers ask before a
// request to another origin, without cookies and before anything else. That is for
// decisions about the client: a verdict about r itself holds for r (see
// [Visitor]).
func exempt(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return exemptPath(r.URL.EscapedPath())
	case http.MethodOptions:
		return r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
	}
	return false
}

// exemptPath reports whether p, with its escapes, is one that challenges do not
// hold for, whoever reads it: anything that another server might read as a path
// out of /.well-known/ is not.
func exemptPath(p string) bool {
	if p == "/robots.txt" || p == "/favicon.ico" {
		return true
	}
	const known = "/.well-known/"
	return strings.HasPrefix(p, known) && !strings.ContainsFunc(p, unplain) &&
		strings.TrimSuffix(p, "/") == path.Clean(p)
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
