// Package page has the common parts of the pages for stopped and for challenged
// visitors: their look, their texts, and the form in which they are sent.
//
// A [Theme] has the operator's settings. [NewLook] refuses invalid ones. html/template
// escapes all data of a request.
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

// A Theme is the look of pages. The zero Theme is the built-in one.
type Theme struct {
	// Contact is the contact for visitors who were stopped by mistake: an http or https
	// URL, or a mail address with or without "mailto:". Default: none.
	Contact string

	// Accent is the colour of marks and buttons, as #rgb or #rrggbb. If it would be
	// hard to read, a lighter or darker shade is used. Default: the page's own.
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

// NewLook returns the look of theme, with the colour accent if it has none.
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
	return &Look{template.CSS(style), frames, contact}, nil //nolint:gosec // the package's own style, and two parsed colours
}

// Terse shortens a style sheet or script: it removes comment lines, indentation, line
// breaks, and semicolons before a bracket. No line may begin inside a string, or with a
// // that is not a comment.
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

// Hash returns the source expression of a Content-Security-Policy that allows exactly
// style as a style element.
func Hash(style template.CSS) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Execute returns the output of t for data. Empty output is an error, because an empty
// page helps no visitor.
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

// An Answer is a page that is ready to send.
type Answer struct {
	Status      int
	ContentType string
	Lang        string // of the body, if Accept-Language chose it; otherwise empty
	Policy      string // Content-Security-Policy; empty for bodies that load nothing and have no links
	Referrer    string // Referrer-Policy, if there is a Policy
	Body        []byte
}

// Send writes a as the response to r, for HEAD without the body. It does not read the
// body of r, and keeps headers that other handlers have set. Caches must not store it.
// A cache that does so anyway sees from Vary that the language varies.
func (a Answer) Send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	set(h, []string{a.ContentType, strconv.Itoa(len(a.Body)), "private, no-store", "nosniff", "noindex"},
		"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "X-Robots-Tag")
	if a.Policy != "" {
		set(h, []string{a.Policy, a.Referrer}, "Content-Security-Policy", "Referrer-Policy")
	}
	if a.Lang != "" {
		h.Set("Content-Language", a.Lang)
		h.Add("Vary", "Accept-Language")
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body) // on an error the client has disconnected
	}
}

// set sets the header fields names (in canonical form). All values share one
// allocation, each with no capacity to append.
func set(h http.Header, values []string, names ...string) {
	for i, name := range names {
		h[name] = values[i : i+1 : i+1]
	}
}
