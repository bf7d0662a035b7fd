package challenge

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// serve sends c as the response to r, with status 403: a page to a browser that
// navigates, and application/problem+json (RFC 9457) to all others. The header X-Tocsin
// distinguishes it from the site's own responses with that status.
//
// A program cannot solve the challenge, but it understands the status: gRPC clients
// read a 403 as PERMISSION_DENIED, an EventSource and a WebSocket as a failed
// connection.
func (p *page) serve(w http.ResponseWriter, r *http.Request, c challengeFor) {
	const status = http.StatusForbidden
	s := newSheet(r, c)
	a := pages.Answer{Status: status, Referrer: "same-origin"}
	if navigates(r) {
		html, styles := p.html(s)
		a.ContentType, a.Body, a.Policy = pages.TypeHTML, html, s.policy(styles, p.look.Frames)
		a.Lang = s.words.Lang
	} else {
		a.ContentType, a.Policy = pages.TypeProblem, "default-src 'none'; frame-ancestors 'none'"
		a.Body = pages.Problem{
			Status: status,
			Detail: "This site checks browsers first. Open one of its pages in a new tab of your browser, then try again.",
			Ref:    s.Ref, Time: s.Time, Contact: p.look.For(s.Ref).URL,
		}.JSON()
		switch {
		case r.Header.Get("HX-Request") == "true":
			w.Header().Set("HX-Refresh", "true") // htmx would show nothing, so it is told to reload the page
		case isTurbos(r.Header):
			a.ContentType, a.Body = pages.TypeHTML, []byte(turboReload)
		}
	}
	w.Header().Set("X-Tocsin", "challenge")
	a.Send(w, r)
}

// turboReload makes Turbo reload the page. The first line works where Turbo checks a
// response before it shows it, the second where Turbo shows all responses.
const turboReload = `<!doctype html><meta charset="utf-8"><title>403</title>
<meta name="turbo-visit-control" content="reload">
<meta http-equiv="refresh" content="0">
`

// isTurbos reports whether Turbo sent h for a form or a frame. Turbo ignores a response
// to these that is not HTML, so a click would seem to do nothing. A visit by a link
// needs no help: Turbo repeats it without a script.
func isTurbos(h http.Header) bool {
	accept := h.Get("Accept")
	return h.Get("Turbo-Frame") != "" || strings.Contains(accept[:min(len(accept), 1024)], "text/vnd.turbo-stream.html")
}

// navigates reports whether a person will see the response to r.
func navigates(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Header.Get("Upgrade") == "" && pages.Negotiate(r.Header) == pages.HTML
	}
	return false // links and forms of pages use no other methods
}

// samples returns sheets with and without each part that can make a template fail.
func samples() []*sheet {
	v := Visitor{Addr: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Ref: "0123456789", Time: time.Now()}
	puzzle := []byte(`{"parameters":{}}`)
	all := []*sheet{
		{challengeFor: challengeFor{Visitor: v, Puzzle: puzzle, Form: []field{{"a", "b"}}}, host: "example.com"},
		{challengeFor: challengeFor{Visitor: v, Widget: &Widget{Class: "widget"}, Wait: time.Second, WaitToken: "token"}, host: "example.com"},
		{challengeFor: challengeFor{Puzzle: puzzle, Lost: true}}, // almost empty
	}
	for _, s := range all {
		s.nonce, s.words = newNonce(), pages.English()
	}
	return all
}
