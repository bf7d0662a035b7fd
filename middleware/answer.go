package middleware

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/internal/page"
	"github.com/tocsin-project/tocsin/lookup"
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

// describe puts s into words for the person who is stopped.
func (p *Page) describe(s *Stop) PageData {
	contact := p.look.For(s.Ref)
	d := PageData{
		Stop:        s,
		Title:       p.title,
		Detail:      "This site does not accept requests from your network address at the moment.",
		Contact:     contact.URL,
		ContactText: contact.Text,
		Style:       p.look.Style,
	}
	switch {
	case s.Inspected && s.Status == http.StatusServiceUnavailable:
		d.Title = "Not available"
		d.Detail = "This site cannot check your request at the moment. Please try again later."
	case s.Inspected:
		d.Detail = "This site does not accept this request, because of what it contains or how it was sent."
	case s.Guard:
		d.Title = "Not available"
		d.Detail = "This page gets too many suspicious requests at the moment. " +
			"You can try again in " + inWords(s.RetryAfter) + "."
	case s.Status == http.StatusTooManyRequests && s.Decision.Action == lookup.Captcha:
		d.Title = "Not available"
		d.Detail = "This site cannot check requests from your network address here. Open its main page first, or " +
			"try again in " + inWords(s.RetryAfter) + "."
	case s.Status == http.StatusTooManyRequests:
		d.Title = "Too many requests"
		d.Detail = "Too many requests came from your network address. You can try again in " + inWords(s.RetryAfter) + "."
	}
	return d
}

// inWords returns d for people, rounded up.
func inWords(d time.Duration) string {
	switch {
	case d > time.Hour:
		return fmt.Sprintf("%d hours", page.Ceil(d, time.Hour))
	case d > time.Minute:
		return fmt.Sprintf("%d minutes", page.Ceil(d, time.Minute))
	case d > time.Second:
		return fmt.Sprintf("%d seconds", page.Ceil(d, time.Second))
	}
	return "a second"
}
