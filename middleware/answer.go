package middleware

import (
	"fmt"

	"github.com/tocsin-project/tocsin/internal/page"
)

// problem returns what a program is told about a stop.
func problem(d PageData) []byte {
	return page.Problem{
		Status: d.Status, Detail: d.Detail, Ref: d.Ref, Time: d.Time, Contact: d.Contact, RetryAfter: d.RetryAfter,
	}.JSON()
}

// plain returns a stop as text for a terminal or a log.
func plain(d PageData) []byte {
	text := fmt.Appendf(nil, "%d %s\n%s\nReference: %s\nTime: %s\n",
		d.Status, d.Title, d.Detail, d.Ref, d.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	if d.Contact != "" {
		text = fmt.Appendf(text, "Contact: %s\n", d.Contact)
	}
	return text
}

// describe returns the data of the page for s.
func (p *Page) describe(s *Stop, w *page.Words) PageData {
	contact := p.look.For(s.Ref)
	title, text := p.say(kindOf(s), w)
	return PageData{
		Stop: s,
		Lang: w.Lang, Dir: w.Dir, Title: title, Detail: w.Fill(text, s.RetryAfter),
		Contact: contact.URL, ContactText: contact.Text,
		Style: p.look.Style,
	}
}
