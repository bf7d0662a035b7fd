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
	// Template is the source of the page in the language of [html/template]; its
	// data is a [PageData]. It has to show {{.Check}}. It may hold style sheets
	// and images as data URLs; the Content-Security-Policy forbids scripts of its
	// own, and whatever would have to be fetched. Default: the built-in page.
	Template string

	// Name is what errors call the template, such as its file name. Default:
	// "page".
	Name string

	// Title is the heading. Default: one in the visitor's language.
	Title string

	// Contact is where who gets no further can turn to: an http or https URL, or
	// a mail address with or without "mailto:". The reference stands in the
	// subject of the mail, or where the URL has {ref}. Default: nowhere.
	Contact string

	// Accent is the colour of the built-in page, as #rgb or #rrggbb. Where text
	// in it could not be read, one of its shades is taken. Default: a blue.
	Accent string

	// FrameAncestors are the origins whose pages may show this one in a frame, such
	// as https://example.com, https://*.example.com or 'self'. Over HTTPS the cookies
	// of passes are partitioned then: a browser that keeps the cookies of frames apart
	// takes no others there. Default: none.
	FrameAncestors []string
}

// accent is the colour of the built-in page.
const accent = "#1f5fbf"

// PageData is what the template of a page gets.
type PageData struct {
	Visitor                  // as {{.Ref}}, {{.Addr}}, {{.Time}}
	Lang        string       // of Title, Detail and Check, such as "en"
	Dir         string       // direction of its script, "ltr" or "rtl"
	Title       string       // heading
	Detail      string       // what happens, in a sentence or two
	Host        string       // that the visitor asked for; empty if it is unduly long
	Contact     string       // URL that leads to the operator; empty if there is none
	ContactText string       // what to show of it
	Style       template.CSS // style sheet of the built-in page

	// Check is the challenge: what is going on, a button should it be needed, an
	// explanation where JavaScript is off, and the script. Its elements are the
	// children of one with the id tocsin, and of a noscript element.
	Check template.HTML
}

// A page sends challenges.
type page struct {
	own   *template.Template // of the operator; nil if there is none
	title string             // empty: that of the language
	look  *pages.Look
	hash  string // lets the style sheet of the built-in page through
}

//go:embed page.html
var pageHTML string

var builtin = template.Must(template.New("page").Parse(pages.Terse(pageHTML)))

// newPage returns the page that cfg describes. It tries the template on samples,
// so that one that cannot be executed, or leaves the challenge out, is refused
// here, with its name and line, and not when the first client is challenged.
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

// try reports what is wrong with the operator's template for s.
func (p *page) try(s *sheet) error {
	d := p.describe(s)
	html, err := pages.Execute(p.own, d)
	switch {
	case err != nil:
		return err
	case !bytes.Contains(html, []byte(d.Check)):
		return fmt.Errorf("%s leaves {{.Check}} out, or has it where no elements can be", p.own.Name())
	}
	return nil
}

// describe returns what templates get for s.
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

// A view is what the built-in template gets.
type view struct {
	PageData
	Words *pages.Words
}

// html returns the page for s and the source of its style sheets. The built-in
// page stands in for one that fails here although it did not in newPage: there
// is nobody to tell, and who is challenged needs a challenge.
func (p *page) html(s *sheet) (body []byte, styles string) {
	d := p.describe(s)
	if p.own != nil {
		body, err := pages.Execute(p.own, d)
		if err == nil && bytes.Contains(body, []byte(d.Check)) {
			return body, unsafeInline // no request data gets into it unescaped
		}
	}
	var b bytes.Buffer
	_ = builtin.Execute(&b, d) // cannot fail: there is nothing in the template that could
	return b.Bytes(), p.hash
}
