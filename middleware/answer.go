package middleware

import (
	"strconv"

	"github.com/tocsin-project/tocsin/internal/page"
)

// problem returns a stop as application/problem+json, for programs.
func problem(d PageData) []byte {
	return page.Problem{
		Status: d.Status, Detail: d.Detail, Ref: d.Ref, Time: d.Time, Contact: d.Contact, Explain: d.Explain, RetryAfter: d.RetryAfter,
	}.JSON()
}

// appendText appends a stop as text for a terminal or a log.
func (p *Page) appendText(b []byte, s *Stop) []byte {
	w := page.English()
	title, text := p.say(kindOf(s), w)
	b = append(strconv.AppendInt(b, int64(s.Status), 10), ' ')
	b = append(append(b, title...), '\n')
	b = append(append(b, w.Fill(text, s.RetryAfter)...), "\nReference: "...)
	b = append(append(b, s.Ref...), "\nTime: "...)
	b = s.Time.UTC().AppendFormat(b, "2006-01-02 15:04:05 UTC\n")
	if c := p.look.For(s.Ref); c.URL != "" {
		b = append(append(append(b, "Contact: "...), c.URL...), '\n')
	}
	if _, link := p.explain(s); link != "" {
		b = append(append(append(b, "Explanation: "...), link...), '\n')
	}
	return b
}

// describe returns the data of the page for s.
func (p *Page) describe(s *Stop, w *page.Words) PageData {
	contact := p.look.For(s.Ref)
	title, text := p.say(kindOf(s), w)
	by, link := p.explain(s)
	return PageData{
		Stop: s,
		Lang: w.Lang, Dir: w.Dir, Title: title, Detail: w.Fill(text, s.RetryAfter),
		Contact: contact.URL, ContactText: contact.Text,
		Explain: link, ExplainText: by,
		Style: p.look.Style,
	}
}
