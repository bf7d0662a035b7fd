package challenge

import (
	"bytes"
	_ "embed" // for the built-in page
	"fmt"
	"html/template"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// PageConfig describes the page of a challenge. Its zero value is the built-in
// one, in the visitor's language if that is one of Arabic, Chinese, Dutch, English,
// French, German, Italian, Japanese, Polish, Portuguese, Russian, Spanish and Turkish.
type PageConfig struct {
	// Template is the source of the page in the language of [html/template]; its data
	// is a [PageData]. It must show {{.Check}}. It may contain style sheets, and images
	// as data URLs. The Content-Security-Policy forbids its own scripts and all files
	// that a browser would fetch. Default: the built-in page.
	Template string

	// Name is the template's name in errors, such as its file name. Default: "page".
	Name string

	// Title is the heading. Default: one in the visitor's language.
	Title string

	// Contact is the contact for visitors who cannot enter: an http or https URL, or a
	// mail address with or without "mailto:". The reference is put into the subject of
	// the mail, or replaces {ref} in the URL. Default: none.
	Contact string

	// Accent is the colour of the built-in page, as #rgb or #rrggbb. If it would make
	// text hard to read, a lighter or darker shade of it is used. Default: a blue.
	Accent string

	// FrameAncestors are the origins whose pages may show this page in a frame, such as
	// https://example.com, https://*.example.com or 'self'. Over HTTPS the cookies of
	// passes then have the attribute Partitioned, because some browsers accept no
	// others in frames. Default: none.
	FrameAncestors []string
}

// accent is the colour of the built-in page.
const accent = "#1f5fbf"

// PageData is the data of the template.
type PageData struct {
	Visitor                  // as {{.Ref}}, {{.Addr}}, {{.Time}}
	Lang        string       // of Title, Detail and Check, such as "en"
	Dir         string       // direction of the text, "ltr" or "rtl"
	Title       string       // heading
	Detail      string       // one or two sentences about what happens
	Host        string       // that the visitor requested; empty if it is too long
	Contact     string       // URL of the operator's contact; empty: none
	ContactText string       // the text of that link
	Style       template.CSS // style sheet of the built-in page

	// Check is the challenge itself: the progress, a button if one is needed, an
	// explanation for browsers without JavaScript, and the script. Its elements are in
	// an element with the id tocsin, and in a noscript element.
	Check template.HTML
}

// A page sends challenges.
type page struct {
	own   *template.Template // the operator's; nil: none
	title string             // empty: the text in the visitor's language
	look  *pages.Look
	hash  string // of the built-in page's style sheet, for the policy
}

//go:embed page.html
var pageHTML string

var builtin = template.Must(template.New("page").Parse(pages.Terse(pageHTML)))

// newPage returns the page that cfg describes. It tests the template with samples. So
// it refuses a template that fails or does not show the challenge now, with its name
// and line, and not at the first visitor.
func newPage(cfg PageConfig) (*page, error) {
	look, err := pages.NewLook(pages.Theme{Contact: cfg.Contact, Accent: cfg.Accent, FrameAncestors: cfg.FrameAncestors}, accent)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	p := &page{title: cfg.Title, look: look, hash: pages.Hash(look.Style)}
	if cfg.Template == "" {
		return p, nil
	}
	if cfg.Name == "" {
		cfg.Name = "page"
	}
	if p.own, err = template.New(cfg.Name).Parse(cfg.Template); err != nil {
		return nil, fmt.Errorf("parsing template of page: %w", err)
	}
	for _, s := range samples() {
		if err := p.try(s); err != nil {
			return nil, fmt.Errorf("trying template of page: %w", err)
		}
	}
	return p, nil
}

// try returns an error if the operator's template fails for s.
func (p *page) try(s *sheet) error {
	d := p.describe(s)
	html, err := pages.Execute(p.own, d)
	switch {
	case err != nil:
		return err
	case !bytes.Contains(html, []byte(d.Check)):
		return fmt.Errorf("%s does not show {{.Check}}, or has it where HTML elements are not allowed", p.own.Name())
	}
	return nil
}

// describe returns the data of the templates for s.
func (p *page) describe(s *sheet) view {
	contact := p.look.For(s.Ref)
	v := view{PageData{
		Visitor: s.Visitor,
		Lang:    s.words.Lang, Dir: s.words.Dir, Title: p.title, Detail: s.words.Detail, Host: s.host,
		Contact: contact.URL, ContactText: contact.Text, Style: p.look.Style,
		Check: s.check(),
	}, s.words}
	if v.Title == "" {
		v.Title = s.words.Title
	}
	if s.Widget != nil {
		v.Detail = s.words.DetailAsk
	}
	return v
}

// A view is the data of the built-in template.
type view struct {
	PageData
	Words *pages.Words
}

// html returns the page for s and the source of its style sheets. The built-in page
// replaces an operator's template that fails here although it did not in newPage,
// because the visitor still needs a challenge.
func (p *page) html(s *sheet) (body []byte, styles string) {
	d := p.describe(s)
	if p.own != nil {
		body, err := pages.Execute(p.own, d)
		if err == nil && bytes.Contains(body, []byte(d.Check)) {
			return body, unsafeInline // safe: the template escapes all data of the request
		}
	}
	var b bytes.Buffer
	_ = builtin.Execute(&b, d) // cannot fail: nothing in the template can
	return b.Bytes(), p.hash
}
