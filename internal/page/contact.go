package page

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// A Contact is the link to the operator's contact.
type Contact struct {
	URL  string // of scheme http, https or mailto; empty if there is no contact
	Text string // its text: the mail address, or host and path of the URL
}

// A contact is a Contact without a reference.
type contact struct {
	url  string // with {ref} in the place of the reference
	text string
}

// For returns the contact of l with the reference ref, in the subject of the mail, or
// in place of {ref} in the URL.
func (l *Look) For(ref string) Contact {
	ref = strings.ReplaceAll(url.QueryEscape(ref), "+", "%20") // valid in a path too
	return Contact{strings.ReplaceAll(l.contact.url, "{ref}", ref), l.contact.text}
}

// parseContact parses the contact of a theme.
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
		return contact{}, fmt.Errorf("contact %q: %w: want an http or https URL, or a mail address", s, err)
	}
	return c, nil
}

func parseURL(s string) (contact, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // the outer error repeats the URL
		}
		return contact{}, err
	case u.Hostname() == "":
		return contact{}, errors.New("the URL has no host")
	case u.User != nil:
		return contact{}, errors.New("the URL has a user name")
	}
	text := u.Host
	if path := strings.TrimSuffix(u.Path, "/"); !strings.Contains(path, "{ref}") {
		text += path
	}
	return contact{s, text}, nil
}

// parseMail parses a mail address without a name and without fields, because tocsin
// adds the subject.
func parseMail(s string) (contact, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return contact{}, errors.New("not a mail address")
	}
	if a.Address != s || a.Name != "" || strings.ContainsAny(s, "\"?{}<>") {
		return contact{}, errors.New("more than a mail address")
	}
	local, domain := s[:strings.LastIndexByte(s, '@')], s[strings.LastIndexByte(s, '@')+1:]
	return contact{"mailto:" + url.PathEscape(local) + "@" + domain + "?subject=%5B{ref}%5D", s}, nil
}
