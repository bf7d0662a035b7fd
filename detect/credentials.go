package detect

import (
	"bytes"
	"hash/maphash"
	"iter"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// Many people share an address, so a browser is not known by its address alone. The detector
// also remembers the credentials that the site has accepted: the cookies that it set in the
// answer to a right login, and header fields with a name and a password, a token or a key. A
// request that shows one of them again, from the same client, belongs to somebody who has
// logged in. Nobody can guess them: short values, words, and values that the client itself
// has sent do not count.
//
// A page of another site can make a browser send cookies, and names and passwords of HTTP. So
// these count only in requests that a page of the site itself has sent.
//
// A site may give a session a new cookie with any answer, and deletes it when the user logs
// out. Only hashes are kept, for a day at most.
const (
	sessionLasts    = int64(24 * 3600e9)
	credentialShare = 512  // credentials of one network: busy sites change cookies with each answer
	mostCookies     = 64   // cookies of a request or an answer that are read
	mostCookieLine  = 8192 // bytes of a field that are read
	leastSecret     = 16   // bytes of a value that cannot be guessed
)

// A credential is a cookie, or a header field with credentials, that a client shows to a host.
type credential struct {
	client      clientKey
	host        string
	isField     bool
	name, value string
}

func (v *view) credential(isField bool, name, value string) credential {
	return credential{v.clientKey(), strings.ToLower(v.evt.Host), isField, name, value}
}

// remember records that a credential counts until a time. A time in the past forgets it.
func (c *clients) remember(one credential, until int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credentials.put(one.client, maphash.Comparable(c.seed, one), until)
}

// remembered returns until when a credential counts, or 0.
func (c *clients) remembered(one credential) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, _ := c.credentials.get(maphash.Comparable(c.seed, one))
	return until
}

// LoggedIn reports whether r, from the client at ip, shows credentials that this host has
// accepted from this client before, in the last day at most: the cookie of a login, or a field
// such as Authorization. It is false if a page of another site may have made the browser send
// them.
func (d *Detector) LoggedIn(r *http.Request, ip netip.Addr, at time.Time) bool {
	one, now := credential{client: keyOf(event.ClientOf(ip)), host: strings.ToLower(r.Host)}, at.UnixNano()
	isOwn := event.FromOwnPage(r.Method, r.Header, r.Host)
	for one.name, one.value = range cookiesOf(r.Header["Cookie"]) {
		if isOwn && len(one.value) >= leastSecret && d.clients.remembered(one) > now {
			return true
		}
	}
	one.isField = true
	for _, one.name = range append(event.KeyFields(), "Authorization") {
		one.value = first(r.Header[one.name])
		if one.value != "" && (isOwn || !isAmbient(one.value)) && d.clients.remembered(one) > now {
			return true
		}
	}
	return false
}

// isAmbient reports whether a browser adds such an Authorization by itself.
func isAmbient(value string) bool {
	scheme, _, _ := strings.Cut(value, " ")
	switch strings.ToLower(scheme) {
	case "basic", "digest", "negotiate", "ntlm":
		return true
	}
	return false
}

// noteCredentials records the credentials of a request that the site has accepted: length is
// how long the client itself counts as accepted.
func (d *Detector) noteCredentials(v *view, length int64) {
	c, now := d.clients, v.now().UnixNano()
	if field := v.attempt().field; field != "" {
		value := first(v.evt.Request[field])
		c.remember(v.credential(true, field, value), now+length)
	}
	if length < knownByLogin {
		return // not a login
	}
	for name, value := range setCookies(v) {
		if isSecret(value) && !isPlainCookie(strings.ToLower(name)) && !bytes.Contains(v.evt.Body, []byte(value)) {
			c.remember(v.credential(false, name, value), now+sessionLasts)
		}
	}
}

// noteCookies follows the cookies of a session that the site changes or deletes.
func (d *Detector) noteCookies(v *view) {
	if len(v.evt.Header["Set-Cookie"]) == 0 || len(v.evt.Request["Cookie"]) == 0 {
		return
	}
	c, now := d.clients, v.now().UnixNano()
	for name, value := range cookiesOf(v.evt.Request["Cookie"]) {
		old := v.credential(false, name, value)
		until := c.remembered(old)
		if until <= now {
			continue
		}
		for changed, to := range setCookies(v) {
			switch {
			case changed != name:
			case to == "":
				c.remember(old, 0)
			case isSecret(to):
				c.remember(v.credential(false, name, to), until)
			}
		}
	}
}

// setCookies yields the cookies that the answer sets. The value of a deleted one is empty.
func setCookies(v *view) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		lines := v.evt.Header["Set-Cookie"]
		for _, line := range lines[:min(len(lines), mostCookies)] {
			c, err := http.ParseSetCookie(line)
			if err != nil || len(line) > mostCookieLine {
				continue
			}
			if _, _, stays := v.readCookie(line); !stays {
				c.Value = ""
			}
			if !yield(c.Name, c.Value) {
				return
			}
		}
	}
}

// cookiesOf yields the cookies of a request.
func cookiesOf(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		n := 0
		for _, line := range lines {
			for part := range strings.SplitSeq(line[:min(len(line), mostCookieLine)], ";") {
				if n++; n > mostCookies {
					return
				}
				name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				if !yield(name, strings.Trim(value, `"`)) {
					return
				}
			}
		}
	}
}

// isSecret reports whether value looks random: it is long, and has letters and digits.
func isSecret(value string) bool {
	value = queryUnescape(value)
	return len(value) >= leastSecret && strings.ContainsAny(value, "0123456789") &&
		strings.ContainsFunc(value, func(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' })
}
