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

// A sheet is a challenge with all that the page for it is made from.
type sheet struct {
	challengeFor
	words *pages.Words
	host  string
	to    string // path and query that the request was for; empty: it cannot be told
	nonce string // of the scripts
	site  string // see siteOf
}

// maxHost is how many characters of a host are shown.
const maxHost = 64

// newSheet returns the sheet of c as an answer to r.
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

// siteOf returns what led to r, in the words of Sec-Fetch-Site: "cross-site" or
// "same-site"; nothing if it was the site itself or the visitor, from whom no request
// has more to gain. Browsers do not send that header over plain HTTP. There the Referer
// has to be the site's own, for another page may have it left out.
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

// newNonce returns a nonce for a Content-Security-Policy: 128 bits that nobody
// can guess, without a character that HTML would have to escape.
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

// beside matches a space beside punctuation, where JavaScript needs none, and
// strings as a whole, to be left alone.
var beside = regexp.MustCompile(`"[^"\n]*"|(\B | \B)`)

// terse returns a script without what only its readers need: comments that have
// lines of their own, indentation, and spaces around punctuation. It fits our
// scripts: no line begins inside of a string, all strings are in double quotes,
// and no + or - stands before a sign.
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
		Inline   template.JS       // the provider's
		Script   template.JS
	}{sheet: s, Words: s.words, Nonce: s.nonce, Kept: s.Form != nil, Script: s.script()}
	if s.Widget != nil {
		data.Attrs = attrs(s.widgetData())
		data.Inline = template.JS(s.Widget.Inline) //nolint:gosec // the provider's own, and no request's
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
		return "" // not reached: there is nothing in the template that could fail
	}
	return template.HTML(b.String()) //nolint:gosec // what html/template has made
}

// widgetData returns the data attributes of the widget's element. A widget that solves
// puzzles of ours speaks the page's language.
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

// script returns what runs in the page. In JSON of Go's no <, > or & stands, so
// that none of it can end the script.
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
		return "" // not reached: the puzzle is JSON of ours
	}
	return template.JS("{const d=" + string(data) + ";" + code + "}") //nolint:gosec // ours, and JSON
}

// solvable is what our own script needs of a puzzle in ALTCHA's form.
type solvable struct {
	Parameters struct {
		KeyPrefix string `json:"keyPrefix"`
		Nonce     string `json:"nonce"`
		Salt      string `json:"salt"`
	} `json:"parameters"`
}

func newSolvable(puzzle []byte) (p solvable) {
	_ = json.Unmarshal(puzzle, &p) // cannot fail: the puzzle is JSON of ours
	return p
}

// policy returns the Content-Security-Policy of the page, of which styles is the
// part that its style sheets need, and frames says where it may be shown.
func (s *sheet) policy(styles, frames string) string {
	nonce := "'nonce-" + s.nonce + "'"
	allowed := map[string][]string{}
	if s.Widget != nil {
		allowed = s.Widget.Policy
	}
	if styles != unsafeInline {
		if slices.Contains(allowed["style-src"], unsafeInline) {
			styles = "" // it would not count beside a hash or nonce
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
	// Chromium holds it against redirections too, and the answer to a kept form may
	// well be one to another site, such as a payment's.
	if s.Form == nil {
		policy = append(policy, "form-action 'self'")
	}
	return strings.Join(append(policy, "base-uri 'none'", "frame-ancestors "+frames), "; ")
}

// Lets the style sheets of an operator's own page through.
const unsafeInline = "'unsafe-inline'"
