package lapi

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tocsin-project/tocsin/internal/wire"
	"go.uber.org/zap"
)

// Addresses of clients are personal data in many places. No error of this package
// contains one, neither in a URL nor in the text of a server. LogBits in the Config
// says how much of the values of decisions the log may contain.

const hidden = "…" // replaces an address

// do sends req. The URL in its errors has no query, because that may contain the
// address of a client.
func (a *api) do(req *http.Request) (*http.Response, error) {
	resp, err := a.http.Do(req) //nolint:gosec // the operator sets the URL
	if failed, ok := errors.AsType[*url.Error](err); ok {
		failed.URL, _, _ = strings.Cut(failed.URL, "?")
		failed.URL = unaddressed(failed.URL, a.base)
	}
	return resp, err
}

// unaddressed replaces the IP addresses and ranges in text, except in keep, the text's
// beginning.
func unaddressed(text, keep string) string {
	rest, kept := strings.CutPrefix(text, keep)
	if !kept {
		keep = ""
	}
	rest = strings.NewReplacer("%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/").Replace(rest)
	var b strings.Builder
	b.WriteString(keep)
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return !inAddress(r) })
		if n < 0 {
			n = len(rest)
		}
		b.WriteString(unlessAddress(rest[:n]))
		rest = rest[n:]
		n = strings.IndexFunc(rest, inAddress)
		if n < 0 {
			n = len(rest)
		}
		b.WriteString(rest[:n])
		rest = rest[n:]
	}
	return b.String()
}

func inAddress(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F' || r == ':' || r == '.'
}

// unlessAddress returns word, or hidden if it is an address, also with a port or
// between punctuation.
func unlessAddress(word string) string {
	for _, bare := range []string{word, strings.Trim(word, "."), strings.Trim(word, ".:"), strings.TrimRight(word, ":")} {
		_, err := netip.ParseAddr(bare)
		if err != nil {
			_, err = netip.ParseAddrPort(bare)
		}
		if err == nil {
			return hidden
		}
	}
	return word
}

// value returns the log field with the value of r, as far as the log may contain it.
func (rd *reader) value(r *wire.Row) zap.Field {
	text := zap.String("value", string(r.Value))
	if rd.bits == nil {
		return text
	}
	bits4, bits6 := rd.bits()
	p, err := r.Prefix()
	_, _, isPlace := r.Place()
	switch {
	case isPlace && err != nil, bits4 >= 32 && bits6 >= 128:
		return text
	case err != nil: // a user name, or text that might be an address
		return zap.Skip()
	case p.Addr().Is4():
		bits6 = bits4
	}
	if bits6 <= 0 {
		return zap.Skip()
	}
	return zap.Stringer("value", netip.PrefixFrom(p.Addr(), min(p.Bits(), bits6)).Masked())
}
