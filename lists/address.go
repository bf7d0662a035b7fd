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

// parseURL reads the URL of a list. Its errors do not show possible secrets.
func parseURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("no URL: want one such as https://example.com/list.txt")
	}
	u, err := url.Parse(raw)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err // it contains the whole URL
		}
		return nil, fmt.Errorf("URL: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		err = fmt.Errorf("scheme %.16q: want http or https", u.Scheme)
	case u.Hostname() == "":
		err = errors.New("it has no host: want one such as https://example.com/list.txt")
	case u.User != nil:
		err = errors.New("it contains a user or password: use the options user and password instead")
	}
	if err != nil {
		return nil, fmt.Errorf("URL %s: %w", shown(u), err)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// IsURL reports whether list is a URL, and not the path of a file. It fails for a
// scheme other than http and https.
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

// shown returns u without possible secrets.
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

// hider returns a replacer that removes secrets from a server's messages, because some
// servers repeat the request.
func hider(cfg URLConfig, at *url.URL) *strings.Replacer {
	const short = 4 // too short to be a secret, and too common to be replaced
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

// maxRedirects limits the redirects of one fetch.
const maxRedirects = 5

// redirected returns the target of a redirect. It allows only http and https; never
// from https to http, where an attacker could write the list; and to another host only
// by https, because a server without it, on this machine or network, may trust all
// clients that reach it.
func (u *URL) redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || to.Hostname() == "" {
		return nil, fmt.Errorf("%w: the target is not a URL", errRedirect)
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

// mayGetSecrets reports whether the server at to may get the credentials: only the configured
// server may, also with https instead of http.
func (u *URL) mayGetSecrets(to *url.URL) bool {
	return to.Host == u.at.Host && (to.Scheme == u.at.Scheme || to.Scheme == "https")
}
