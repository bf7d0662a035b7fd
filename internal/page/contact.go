package page

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// A Contact is where a visitor can turn to, as a link.
type Contact struct {
	URL  string // of scheme http, https or mailto; empty if there is no contact
	Text string // what to show: the mail address, or host and path of the URL
}

// A contact is a Contact that knows no reference yet.
type contact struct {
	url  string // with {ref} where the reference goes
	text string
}

// For returns the contact of l for who has the reference ref, which stands in
// the subject of the mail, or in the URL where that has {ref}.
func (l *Look) For(ref string) Contact {
	ref = strings.ReplaceAll(url.QueryEscape(ref), "+", "%20") // good for a path too
	return Contact{strings.ReplaceAll(l.contact.url, "{ref}", ref), l.contact.text}
}

// parseContact reads what a theme has as its contact. An error says what would
// be one, since this is what an operator wrote.
func parseContact(s string) (contact, error) {
	if s == "" {
		return contact{}, nil
	}
	scheme, rest, _ := strings.Cut(s, ":")
	var (
		c   contact
		err error
	)
	switch strings.ToLower(scheme) {
	case "http", "https":
		c, err = parseURL(s)
	case "mailto":
		c, err = parseMail(rest)
	default:
		c, err = parseMail(s)
	}
	if err != nil {
		return contact{}, fmt.Errorf("contact %q: %w; want an http or https URL, or a mail address", s, err)
	}
	return c, nil
}

func parseURL(s string) (contact, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // the rest repeats the URL
		}
		return contact{}, err
	case u.Hostname() == "":
		return contact{}, errors.New("no host")
	case u.User != nil:
		return contact{}, errors.New("a user name in it")
	}
	text := u.Host
	if path := strings.TrimSuffix(u.Path, "/"); !strings.Contains(path, "{ref}") {
		text += path
	}
	return contact{s, text}, nil
}

// parseMail reads an address without a name and without fields: the subject is
// ours.
func parseMail(s string) (contact, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return contact{}, errors.New("no mail address")
	}
	if a.Address != s || a.Name != "" || strings.ContainsAny(s, "\"?{}<>") {
		return contact{}, errors.New("more than a mail address")
	}
	local, domain := s[:strings.LastIndexByte(s, '@')], s[strings.LastIndexByte(s, '@')+1:]
	return contact{"mailto:" + url.PathEscape(local) + "@" + domain + "?subject=%5B{ref}%5D", s}, nil
}
