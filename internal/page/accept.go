package page

import (
	"net/http"
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
func Negotiate(h http.Header) Form {
	mode := h.Get("Sec-Fetch-Mode")
	switch {
	case mode == "navigate":
		return HTML
	case mode == "cors", h.Get("Sec-Fetch-Dest") == "empty", h.Get("X-Requested-With") != "":
		return ProblemJSON
	}
	f := named(h.Get("Accept"))
	if f == HTML && mode != "" {
		return Text // for an image or a style sheet nobody looks at a page
	}
	return f
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
