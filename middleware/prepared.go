package middleware

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/internal/page"
	"github.com/tocsin-project/tocsin/lookup"
)

// A kind is the reason of a stop, as the page shows it.
type kind uint8

const (
	denied    kind = iota // the client is banned
	refused               // the request is refused because of its content
	unchecked             // the request could not be inspected
	guarded               // the path gets too many suspicious requests
	unmet                 // a challenge is due, and challenges are off
	throttled             // the client sends too many requests
	kinds
)

// kindOf returns the kind of s.
func kindOf(s *Stop) kind {
	switch {
	case s.Inspected && s.Status == http.StatusServiceUnavailable:
		return unchecked
	case s.Inspected:
		return refused
	case s.Guard:
		return guarded
	case s.Status == http.StatusTooManyRequests && s.Decision.Action == lookup.Captcha:
		return unmet
	case s.Status == http.StatusTooManyRequests:
		return throttled
	}
	return denied
}

// say returns the heading and the text of a page for a stop of kind k. In the text, %s
// stands for the time to wait.
func (p *Page) say(k kind, w *page.Words) (title, text string) {
	switch k {
	case unchecked:
		return w.Unavailable, w.UncheckedText
	case guarded:
		return w.Unavailable, w.GuardedText
	case unmet:
		return w.Unavailable, w.UnmetText
	case throttled:
		return w.TooMany, w.TooManyText
	}
	title, text = w.Denied, w.DeniedText
	if k == refused {
		text = w.RefusedText
	}
	if p.title != "" {
		title = p.title
	}
	return title, text
}

// A view is the data of the built-in template.
type view struct {
	*page.Words
	Heading, Text string
	Mail          page.Contact
	Style         template.CSS
	blanks
}

// blanks are the parts of a page that differ between stops of one kind and language.
type blanks struct {
	Status, Ref string
	Stamp, When string // of Stop.Time
	span        string // in view.Text
	By, Link    string // who made the decision, and the page about it; empty: none
}

// The layouts of blanks.Stamp and blanks.When.
const (
	stampLayout = "2006-01-02T15:04:05Z"
	whenLayout  = "2006-01-02 15:04:05"
)

// render returns the built-in page about a stop of kind k.
func (p *Page) render(k kind, w *page.Words, b blanks) ([]byte, error) {
	title, text := p.say(k, w)
	return page.Execute(p.html, view{
		Words: w, Heading: title, Text: strings.Replace(text, "%s", b.span, 1),
		Mail: p.look.For(b.Ref), Style: p.look.Style, blanks: b,
	})
}

// A prepared is the built-in page of one kind and language. It is rendered at its first
// use.
type prepared struct {
	once  sync.Once
	parts []part
}

// A part is some HTML, and the blank after it.
type part struct {
	html string
	then blank
}

// A blank is one of the fields of blanks.
type blank uint8

const (
	blankNone blank = iota
	blankStatus
	blankRef
	blankStamp
	blankWhen
	blankSpan
	blankBy
	blankLink
	blankKinds
)

// fill renders the page with a random word in each blank, and splits it there. The
// words have only letters and digits, which are never escaped in HTML and URLs.
func (f *prepared) fill(p *Page, k kind, w *page.Words, explained bool) {
	var words [blankKinds]string
	for b := blankStatus; b < blankKinds; b++ {
		words[b] = newRef()
	}
	b := blanks{Status: words[blankStatus], Ref: words[blankRef], Stamp: words[blankStamp], When: words[blankWhen], span: words[blankSpan]}
	if explained {
		b.By, b.Link = words[blankBy], words[blankLink]
	}
	html, err := p.render(k, w, b)
	if err != nil {
		return // not reached: nothing in the template can fail
	}
	for rest := string(html); rest != ""; {
		next := part{html: rest}
		for b := blankStatus; b < blankKinds; b++ {
			if before, _, ok := strings.Cut(next.html, words[b]); ok {
				next = part{before, b}
			}
		}
		f.parts = append(f.parts, next)
		if rest = rest[len(next.html):]; next.then != blankNone {
			rest = rest[len(words[next.then]):]
		}
	}
}

// appendHTML appends the page about s to b.
func (p *Page) appendHTML(b []byte, s *Stop, w *page.Words) ([]byte, error) {
	var html []byte
	var err error
	switch {
	case p.own:
		html, err = page.Execute(p.html, p.describe(s, w))
	case !isPlain(s.Ref):
		by, link := p.explain(s)
		html, err = p.render(kindOf(s), w, blanks{
			strconv.Itoa(s.Status), s.Ref, s.Time.UTC().Format(stampLayout), s.Time.UTC().Format(whenLayout), w.Span(s.RetryAfter), by, link,
		})
	default:
		return p.appendPrepared(b, s, w), nil
	}
	return append(b, html...), err
}

// appendPrepared is appendHTML for the built-in page and a reference that needs no
// escaping.
func (p *Page) appendPrepared(b []byte, s *Stop, w *page.Words) []byte {
	k := kindOf(s)
	by, link := p.explain(s)
	at := k
	if link != "" {
		at += kinds
	}
	f := &p.prepared[w][at]
	f.once.Do(func() { f.fill(p, k, w, link != "") })
	now := s.Time.UTC()
	for i := range f.parts {
		b = append(b, f.parts[i].html...)
		switch f.parts[i].then {
		case blankStatus:
			b = strconv.AppendInt(b, int64(s.Status), 10)
		case blankRef:
			b = append(b, s.Ref...)
		case blankStamp:
			b = now.AppendFormat(b, stampLayout)
		case blankWhen:
			b = now.AppendFormat(b, whenLayout)
		case blankSpan:
			b = w.AppendSpan(b, max(s.RetryAfter, time.Second))
		case blankBy:
			b = append(b, template.HTMLEscapeString(by)...)
		case blankLink:
			b = append(b, template.HTMLEscapeString(link)...)
		}
	}
	return b
}

// isPlain reports whether ref has only letters and digits.
func isPlain(ref string) bool {
	for _, c := range []byte(ref) {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
