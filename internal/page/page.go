// Package page holds what the pages for visitors who are not served have in
// common, the one that bans and the one that challenges: what do they look like,
// and in which form are they sent?
//
// A [Theme] is what an operator says about them; [NewLook] refuses what could
// not be shown. All that comes from a request is for html/template to escape.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the style sheet
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// A Theme is how pages look. The zero Theme is the built-in one.
type Theme struct {
	// Contact is where who was stopped by mistake can turn to: an http or https
	// URL, or a mail address with or without "mailto:". Default: nowhere.
	Contact string

	// Accent is the colour of marks and buttons, as #rgb or #rrggbb. Where it
	// would not be readable, a lighter or darker one is taken. Default: the
	// page's own.
	Accent string

	// FrameAncestors are the origins whose pages may show these pages in frames, as
	// in the directive of that name of a Content-Security-Policy. Default: none.
	FrameAncestors []string
}

// A Look is a checked theme.
type Look struct {
	Style   template.CSS // the style sheet of the built-in pages
	Frames  string       // the source list of the directive frame-ancestors
	contact contact
}

//go:embed style.css
var styleCSS string

// NewLook returns the look of theme, with the colour accent where it names
// none.
func NewLook(theme Theme, accent string) (*Look, error) {
	contact, err := parseContact(theme.Contact)
	if err != nil {
		return nil, err
	}
	frames, err := frames(theme.FrameAncestors)
	if err != nil {
		return nil, err
	}
	if theme.Accent != "" {
		accent = theme.Accent
	}
	c, err := parseColour(accent)
	if err != nil {
		return nil, err
	}
	style := strings.NewReplacer(
		"LIGHT", c.against(lightCard).String(),
		"DARK", c.against(darkCard).String(),
		": ", ":", "; }", "}", "; ", ";", ", ", ",", " { ", "{", " {", "{", "}\n", "}", " > ", ">",
	).Replace(Terse(styleCSS))
	return &Look{template.CSS(style), frames, contact}, nil //nolint:gosec // ours, and two colours that were parsed
}

// Terse returns the source of a style sheet or script without what only its
// readers need: comments that have lines of their own, indentation, line breaks
// and semicolons where a bracket says the same. A line must not begin inside of
// a string, nor with a // of another meaning.
func Terse(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*") && strings.HasSuffix(line, "*/") {
			continue
		}
		b.WriteString(line)
		if !strings.ContainsAny(line[len(line)-1:], "{[(,;>") {
			b.WriteByte('\n')
		}
	}
	return strings.NewReplacer("\n}", "}", ";}", "}").Replace(b.String())
}

// Hash returns the source expression that lets style, as the whole of a style
// element, through a Content-Security-Policy, and no other.
func Hash(style template.CSS) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Execute returns what t makes of data. To make nothing is an error: a blank
// window would tell nobody anything.
func Execute(t *template.Template, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(b.Bytes())) == 0 {
		return nil, fmt.Errorf("%s renders nothing", t.Name())
	}
	return b.Bytes(), nil
}

// An Answer is a page that is ready to be sent.
type Answer struct {
	Status      int
	ContentType string
	Lang        string // of the body, which was chosen by Accept-Language; empty: it was not
	Policy      string // Content-Security-Policy
	Referrer    string // Referrer-Policy
	Body        []byte
}

// Send writes a as the answer to r: to HEAD without the body. The body of r is
// not read, and what others have put into the answer's header is left alone. No
// cache may keep it; one that does so nonetheless is told that the language varies.
func (a Answer) Send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	set(h, []string{
		a.ContentType, strconv.Itoa(len(a.Body)), a.Policy, "private, no-store", "nosniff", "noindex", a.Referrer,
	}, "Content-Type", "Content-Length", "Content-Security-Policy", "Cache-Control", "X-Content-Type-Options", "X-Robots-Tag", "Referrer-Policy")
	if a.Lang != "" {
		h.Set("Content-Language", a.Lang)
		h.Add("Vary", "Accept-Language")
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body) // the client may be gone, and nobody else would care
	}
}

// set sets the fields called names, in canonical form, of h. All values are in one
// piece of memory, each with no room behind it to append to.
func set(h http.Header, values []string, names ...string) {
	for i, name := range names {
		h[name] = values[i : i+1 : i+1]
	}
}
