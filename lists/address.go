package lists

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// parseURL reads the URL of a list. Its errors do not show what may be secret.
func parseURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("no URL")
	}
	u, err := url.Parse(raw)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err // it shows all of the URL
		}
		return nil, fmt.Errorf("URL: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		err = fmt.Errorf("scheme %.16q: want http or https", u.Scheme)
	case u.Hostname() == "":
		err = errors.New("no host")
	case u.User != nil:
		err = errors.New("user and password are not for the URL: they have options of their own")
	}
	if err != nil {
		return nil, fmt.Errorf("URL %s: %w", shown(u), err)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// IsURL reports whether a list is behind a URL, not in a file, by what is written
// for it. It fails if that has a scheme which is neither http nor https.
func IsURL(list string) (bool, error) {
	scheme, _, ok := strings.Cut(list, "://")
	switch {
	case !ok || strings.ContainsAny(scheme, `/\`):
		return false, nil
	case strings.EqualFold(scheme, "http"), strings.EqualFold(scheme, "https"):
		return true, nil
	}
	return false, fmt.Errorf("unknown scheme %.16q: write http:// or https://, or the path of a file without a scheme", scheme)
}

// shown returns u without what may be secret.
func shown(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}

func defaultName(u *url.URL) string {
	name := namePrefix + u.Host
	if last := path.Base(u.Path); last != "/" && last != "." {
		name += "/" + last
	}
	return name
}

// hider returns what takes the secrets out of what a server says: some echo
// the request.
func hider(cfg URLConfig, at *url.URL) *strings.Replacer {
	const short = 4 // too common to be replaced, and no secret
	var pairs []string
	basic := base64.StdEncoding.EncodeToString([]byte(cfg.User + ":" + cfg.Password))
	secrets := []string{cfg.Password, cfg.Key, basic, at.RawQuery}
	for _, values := range at.Query() {
		secrets = append(secrets, slices.DeleteFunc(values, func(s string) bool { return len(s) < short })...)
	}
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, "…")
		}
	}
	return strings.NewReplacer(pairs...)
}

// maxRedirects is how often a server may send us elsewhere.
const maxRedirects = 5

// redirected returns where from's server sends us. The way leads to http or
// https only, never from https back, where anybody could write the list, and to
// another host by https only: what listens without it, on this machine or next
// to it, may trust whoever can reach it.
func (u *URL) redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || to.Hostname() == "" {
		return nil, fmt.Errorf("%w: to no URL", errRedirect)
	}
	switch {
	case to.Scheme == "https":
	case to.Scheme != "http":
		err = fmt.Errorf("%w: to scheme %.16q", errRedirect, to.Scheme)
	case from.Scheme == "https":
		err = fmt.Errorf("%w: from https to %.200s", errRedirect, u.secrets.Replace(shown(to)))
	case to.Host != from.Host:
		err = fmt.Errorf("%w: to %.200s, another host without https", errRedirect, u.secrets.Replace(shown(to)))
	}
	return to, err
}

// mayKnow reports whether the server at to may have the credentials. It may not
// for being redirected to, unless it is the same one, or that with https.
func (u *URL) mayKnow(to *url.URL) bool {
	return to.Host == u.at.Host && (to.Scheme == u.at.Scheme || to.Scheme == "https")
}
