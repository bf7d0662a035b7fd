package page

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// maxAccept is the longest part of an Accept header that is read. Browsers send about
// 200 bytes.
const maxAccept = 1024

// A Form is the format of a response.
type Form uint8

// The forms.
const (
	Text        Form = iota
	ProblemJSON      // RFC 9457
	HTML
)

// Negotiate returns the form for the sender of h.
//
// Fetch metadata is checked first, because scripts in a browser cannot change it.
// Without it, Accept decides, but only by the types that it names: tools send a bare
// */*.
//
// A service worker that fetches a page to show gets HTML. A library that inserts
// fetched HTML into the current page does not: the visitor could see tocsin's page
// there, but could not use it.
func Negotiate(h http.Header) Form {
	mode := h.Get("Sec-Fetch-Mode")
	switch {
	case mode == "navigate":
		return HTML
	case isOfLibrary(h):
		return ProblemJSON
	case mode == "cors", h.Get("Sec-Fetch-Dest") == "empty":
		if isOfWorker(h) {
			return HTML
		}
		return ProblemJSON
	}
	f := named(h.Get("Accept"))
	if f == HTML && mode != "" {
		return Text // images and style sheets show no page
	}
	return f
}

// isOfLibrary reports whether h is from a library in a page that identifies itself:
// jQuery and others, htmx, or Turbo.
func isOfLibrary(h http.Header) bool {
	for _, name := range []string{"X-Requested-With", "Hx-Request", "Turbo-Frame", "X-Turbo-Request-Id"} {
		if h.Get(name) != "" {
			return true
		}
	}
	accept := h.Get("Accept")
	return strings.Contains(accept[:min(len(accept), maxAccept)], "text/vnd.turbo-stream.html")
}

// isOfWorker reports whether h, from a script, is probably from a service worker that
// fetches a page to show: it has the Accept header of a navigation, or the name of the
// script is that of a worker.
func isOfWorker(h http.Header) bool {
	accept := h.Get("Accept")
	accept = accept[:min(len(accept), maxAccept)]
	if named(accept) == HTML {
		// A script that requests HTML itself does not also accept other types.
		return strings.Contains(accept, "*/*")
	}
	return (accept == "" || accept == "*/*") && h.Get("Sec-Fetch-Site") == "same-origin" && isWorker(h.Get("Referer"))
}

// isWorker reports whether referer is the address of a worker script: requests of a
// worker have its own address.
func isWorker(referer string) bool {
	u, err := url.Parse(referer)
	if err != nil {
		return false
	}
	name := strings.ToLower(path.Base(u.Path))
	base := strings.TrimSuffix(name, path.Ext(name))
	switch path.Ext(name) {
	case ".js", ".mjs":
		return true
	}
	return base == "sw" || strings.HasSuffix(base, "worker")
}

// named returns the form with the highest weight in accept, an Accept header. Among
// equals, HTML comes before JSON, and JSON before text.
func named(accept string) Form {
	best, weight := Text, 0
	for part := range strings.SplitSeq(accept[:min(len(accept), maxAccept)], ",") {
		media, params, _ := strings.Cut(part, ";")
		f, ok := formOf(strings.TrimSpace(media))
		if !ok {
			continue
		}
		if q := quality(params); q > weight || q == weight && q > 0 && f > best {
			best, weight = f, q
		}
	}
	return best
}

// formOf returns the form of a media range.
func formOf(media string) (Form, bool) {
	media = strings.ToLower(media)
	switch media {
	case "text/html", "application/xhtml+xml":
		return HTML, true
	case "application/json":
		return ProblemJSON, true
	case "text/plain", "text/*":
		return Text, true
	}
	return ProblemJSON, strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// quality returns the weight among the parameters of a media range, in
// thousandths: 1000 if there is none, 0 if it is malformed.
func quality(params string) int {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			return parseQuality(value)
		}
	}
	return 1000
}

// parseQuality parses a weight: 0 to 1 with up to three decimals (RFC 9110, section
// 12.4.2).
func parseQuality(s string) int {
	whole, decimals, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(decimals) > 3 {
		return 0
	}
	q, unit := int(whole[0]-'0')*1000, 100
	for i := range len(decimals) {
		if decimals[i] < '0' || decimals[i] > '9' {
			return 0
		}
		q += int(decimals[i]-'0') * unit
		unit /= 10
	}
	if q > 1000 {
		return 0
	}
	return q
}
