package challenge

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// serve sends c as the answer to r, with the status 403: a page to who navigates
// a browser, and to all others application/problem+json (RFC 9457). The header
// X-Tocsin tells it from other answers with that status.
//
// A program cannot solve the challenge, but what it is told makes sense to it:
// gRPC clients take a 403 of another media type for PERMISSION_DENIED, an
// EventSource and a WebSocket for a connection that cannot be had.
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
			Detail: "A browser has to pass a check before this is served. Open a page of this site in it.",
			Ref:    s.Ref, Time: s.Time, Contact: p.look.For(s.Ref).URL,
		}.JSON()
		switch {
		case r.Header.Get("HX-Request") == "true":
			w.Header().Set("HX-Refresh", "true") // htmx would show nothing; so it loads the page anew
		case isTurbos(r.Header):
			a.ContentType, a.Body = pages.TypeHTML, []byte(turboReload)
		}
	}
	w.Header().Set("X-Tocsin", "challenge")
	a.Send(w, r)
}

// turboReload has Turbo load the page anew: by the first line where it looks whether it
// may show what it got, and by the second where it shows all of it.
const turboReload = `<!doctype html><meta charset="utf-8"><title>403</title>
<meta name="turbo-visit-control" content="reload">
<meta http-equiv="refresh" content="0">
`

// isTurbos reports whether Turbo has sent h for a form or a frame. It does nothing with an
// answer to these that is no HTML: the visitor would click in vain. A visit by a link it
// makes again without a script.
func isTurbos(h http.Header) bool {
	accept := h.Get("Accept")
	return h.Get("Turbo-Frame") != "" || strings.Contains(accept[:min(len(accept), 1024)], "text/vnd.turbo-stream.html")
}

// navigates reports whether a person is to see the answer to r.
func navigates(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Header.Get("Upgrade") == "" && pages.Negotiate(r.Header) == pages.HTML
	}
	return false // no link and no form of a page makes others
}

// samples returns sheets that differ in what a template may trip over.
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
