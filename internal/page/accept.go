package page

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// maxAccept is how much of an Accept header is read. Browsers send about 200
// bytes.
const maxAccept = 1024

// A Form is how an answer is written.
type Form uint8

// The forms.
const (
	Text        Form = iota
	ProblemJSON      // RFC 9457
	HTML
)

// Negotiate returns the form that suits who sent h.
//
// Fetch metadata comes first, because a browser sends it and a script in it
// cannot change it. Where there is none, Accept decides, but only by what it
// names: a bare */* is what tools send.
//
// A service worker that fetches a page for the one that is about to be shown gets
// HTML, for that is what will be shown. A library that puts what it fetches into the
// page that is there gets none: it could show a page of ours, but not be left for it.
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
		return Text // for an image or a style sheet nobody looks at a page
	}
	return f
}

// isOfLibrary reports whether a library in a page sent h, which says so: jQuery and
// others, htmx, or Turbo.
func isOfLibrary(h http.Header) bool {
	for _, name := range []string{"X-Requested-With", "Hx-Request", "Turbo-Frame", "X-Turbo-Request-Id"} {
		if h.Get(name) != "" {
			return true
		}
	}
	accept := h.Get("Accept")
	return strings.Contains(accept[:min(len(accept), maxAccept)], "text/vnd.turbo-stream.html")
}

// isOfWorker reports whether h, which a script has sent, is likely to be that of a
// service worker which fetches a page to be shown: with the Accept of a browser that
// navigates, which the worker had from it, or from a script that is a worker's by its
// name.
func isOfWorker(h http.Header) bool {
	accept := h.Get("Accept")
	accept = accept[:min(len(accept), maxAccept)]
	if named(accept) == HTML {
		// A script that asks for HTML itself does not add that anything else will do.
		return strings.Contains(accept, "*/*")
	}
	return (accept == "" || accept == "*/*") && h.Get("Sec-Fetch-Site") == "same-origin" && isWorker(h.Get("Referer"))
}

// isWorker reports whether referer, which is the script's own address if a worker
// sends a request, is that of a script.
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

// named returns the form that accept, the value of an Accept header, names with
// the highest weight; of equal ones, HTML before JSON before text.
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

// formOf returns the form that a media range asks for.
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

// parseQuality reads a weight: 0 to 1 with up to three decimals (RFC 9110,
// section 12.4.2).
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
