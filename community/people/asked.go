package people

import (
	"net/http"
	"net/url"
)

// isAskedFor reports whether a person asked for a page: with a link or a form of this site, or by
// typing its address. Browsers send a password or a cookie also with what a page of another site
// makes them load, and each page that a moderator opens is in the audit log. Old browsers, and all
// browsers without TLS, say with a Referer at most which page it was.
func isAskedFor(r *http.Request) bool {
	if r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") == "prefetch" {
		return false // nobody may ever look at it
	}
	if site, ok := r.Header["Sec-Fetch-Site"]; ok {
		return len(site) == 1 && (site[0] == "same-origin" || site[0] == "none")
	}
	from, err := url.Parse(r.Header.Get("Referer"))
	return err == nil && (from.Host == "" || from.Host == r.Host)
}

// askFirst shows a link to the page that another site, or the browser itself, has asked for.
func (h *Handler) askFirst(w http.ResponseWriter, r *http.Request) error {
	here := url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	return h.render(w, r, http.StatusForbidden, "message", &view{
		words: &english, Title: "Not opened yet", Nav: append([]link{{here.String(), "Open this page", false}}, h.desks("")...),
		Data: message{"A page of another site led here. The log names everybody who opens this page, so it opens only if you ask for it here."},
	})
}
