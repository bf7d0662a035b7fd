package challenge

import (
	"bytes"
	"crypto/rand"
	_ "embed" // for the challenge's elements and scripts
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// A sheet is a challenge with all data of its page.
type sheet struct {
	challengeFor
	words *pages.Words
	host  string
	to    string // path and query of the request; empty: unknown
	nonce string // of the scripts
	site  string // see siteOf
}

// maxHost is the longest host that the page shows.
const maxHost = 64

// newSheet returns the sheet for c as the response to r.
func newSheet(r *http.Request, c challengeFor) *sheet {
	s := &sheet{challengeFor: c, nonce: newNonce(), site: siteOf(r)}
	s.words = pages.WordsFor(r.Header.Get("Accept-Language"))
	if s.host = hostOf(r); len(s.host) > maxHost {
		s.host = ""
	}
	if strings.HasPrefix(r.RequestURI, "/") {
		s.to = r.RequestURI
	}
	return s
}

// siteOf says what led to r, as Sec-Fetch-Site would: "cross-site", "same-site", or
// nothing if it was the site itself or the visitor. Browsers do not send that header
// over plain HTTP. There the Referer must be the site's own, because another page may
// suppress it.
func siteOf(r *http.Request) string {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return ""
	case "same-site":
		return site
	case "":
		if u, err := url.Parse(r.Referer()); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
			return ""
		}
	}
	return "cross-site"
}

// newNonce returns a nonce for a Content-Security-Policy: 128 random bits, without
// characters that HTML must escape.
func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

var (
	//go:embed check.html
	checkHTML string
	//go:embed page.js
	pageJS string
	//go:embed solver.js
	solverJS string
	//go:embed widget.js
	widgetJS string
	//go:embed form.js
	formJS string
	//go:embed leave.js
	leaveJS string

	checkTemplate = template.Must(template.New("check").Parse(pages.Terse(checkHTML)))

	solveScript = terse(pageJS + solverJS)
	askScript   = terse(pageJS + widgetJS)
	formScript  = terse(formJS)
	leaveScript = terse(leaveJS)
)

// beside matches the spaces that JavaScript does not need, beside punctuation. It also
// matches whole strings, which terse keeps.
var beside = regexp.MustCompile(`"[^"\n]*"|(\B | \B)`)

// terse removes comment lines, indentation and needless spaces from a script. It works
// only for the scripts of this package: no line begins inside a string, all strings are
// in double quotes, and no + or - comes before a sign.
func terse(script string) string {
	return beside.ReplaceAllStringFunc(pages.Terse(script), func(s string) string { return strings.TrimSpace(s) })
}

// check returns the elements of the challenge.
func (s *sheet) check() template.HTML {
	data := struct {
		*sheet
		Words    *pages.Words
		Nonce    string
		Span     uint64 // of the puzzle
		WaitText string
		Kept     bool
		Attrs    template.HTMLAttr // of the widget's element
		Inline   template.JS       // of the provider
		Script   template.JS
	}{sheet: s, Words: s.words, Nonce: s.nonce, Kept: s.Form != nil, Script: s.script()}
	if s.Widget != nil {
		data.Attrs = attrs(s.widgetData())
		data.Inline = template.JS(s.Widget.Inline) //nolint:gosec // from the provider, not from a request
	}
	if t, ok := parseToken(s.Token); ok {
		data.Span = span(t)
	}
	if s.Wait > 0 {
		data.WaitText = s.words.Fill(s.words.Wait, s.Wait)
		if s.Early {
			data.WaitText = s.words.Fill(s.words.Early, s.Wait)
		}
	}
	var b bytes.Buffer
	if err := checkTemplate.Execute(&b, data); err != nil {
		return "" // not reached: nothing in the template can fail
	}
	return template.HTML(b.String()) //nolint:gosec // written by html/template
}

// widgetData returns the data attributes of the widget's element. A widget that solves
// the gate's puzzles gets the texts in the page's language.
func (s *sheet) widgetData() map[string]string {
	if !s.Widget.Puzzle {
		return s.Widget.Data
	}
	w := s.words
	strings, err := json.Marshal(map[string]string{
		"label": w.Human, "verifying": w.Busy, "waitAlert": w.Busy, "verified": w.Done, "error": w.Failed, "expired": w.Failed,
	})
	if err != nil {
		return s.Widget.Data // not reached: strings can always be marshaled
	}
	data := maps.Clone(s.Widget.Data)
	data["language"], data["strings"] = w.Lang, string(strings)
	return data
}

// attrs returns the data attributes of a widget's element.
func attrs(data map[string]string) template.HTMLAttr {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(&b, ` data-%s="%s"`, template.HTMLEscapeString(name), template.HTMLEscapeString(data[name]))
	}
	return template.HTMLAttr(b.String()) //nolint:gosec // escaped
}

// script returns the script of the page. JSON from Go contains no <, > or &, so its
// data cannot end the script element.
func (s *sheet) script() template.JS {
	w, code := s.words, solveScript
	d := map[string]any{"token": s.Token, "done": w.Done, "failed": w.Failed, "again": w.Again, "cookies": w.Cookies}
	if s.Lost {
		d["lost"], d["done"] = true, w.Lost
	} else {
		d["go"] = w.Continue
	}
	if s.Widget != nil {
		code = askScript
		d["nonce"], d["script"], d["field"] = s.nonce, s.Widget.Script, s.Widget.Field
		d["ask"], d["blocked"] = w.Ask, w.Blocked
	} else {
		d["puzzle"] = newSolvable(s.Puzzle)
	}
	if s.Form != nil {
		d["to"] = s.to
		code += formScript
	}
	if s.site != "" && s.Form == nil {
		d["by"], d["nonce"] = s.site, s.nonce
		code += leaveScript
	}
	data, err := json.Marshal(d)
	if err != nil {
		return "" // not reached: the puzzle is the gate's own JSON
	}
	return template.JS("{const d=" + string(data) + ";" + code + "}") //nolint:gosec // the package's own script, and JSON
}

// solvable are the parts of a puzzle in ALTCHA's format that the embedded script needs.
type solvable struct {
	Parameters struct {
		KeyPrefix string `json:"keyPrefix"`
		Nonce     string `json:"nonce"`
		Salt      string `json:"salt"`
	} `json:"parameters"`
}

func newSolvable(puzzle []byte) (p solvable) {
	_ = json.Unmarshal(puzzle, &p) // cannot fail: the puzzle is the gate's own JSON
	return p
}

// policy returns the Content-Security-Policy of the page. Styles are the sources of its
// style sheets, frames the origins that may show it in a frame.
func (s *sheet) policy(styles, frames string) string {
	nonce := "'nonce-" + s.nonce + "'"
	allowed := map[string][]string{}
	if s.Widget != nil {
		allowed = s.Widget.Policy
	}
	if styles != unsafeInline {
		if slices.Contains(allowed["style-src"], unsafeInline) {
			styles = "" // browsers ignore 'unsafe-inline' beside a hash or nonce
		} else if s.Widget != nil {
			styles += " " + nonce
		}
	}
	policy := []string{"default-src 'none'"}
	for _, d := range []struct{ name, ours string }{
		{"script-src", nonce},
		{"worker-src", "blob:"},
		{"style-src", styles},
		{"img-src", "data:"},
		{"connect-src", "'self'"},
		{"frame-src", ""},
	} {
		if sources := strings.TrimSpace(d.ours + " " + strings.Join(allowed[d.name], " ")); sources != "" {
			policy = append(policy, d.name+" "+sources)
		}
	}
	// Chromium applies form-action to redirects too, and the response to a kept form
	// may redirect to another site, such as a payment service.
	if s.Form == nil {
		policy = append(policy, "form-action 'self'")
	}
	return strings.Join(append(policy, "base-uri 'none'", "frame-ancestors "+frames), "; ")
}

// unsafeInline allows the style sheets of an operator's own page.
const unsafeInline = "'unsafe-inline'"
