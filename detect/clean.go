package detect

import (
	"path"
	"strings"
)

// cleanPath returns the path that a server will use for the target: unescaped once, without
// dot segments and empty segments, without the query, and without the scheme and host that a
// proxy's client sends. The built-in scenarios use it because //wp-login.php,
// /wp-login%2ephp and /x/../wp-login.php all run the same script. The request itself is not
// changed.
func (v *view) cleanPath() (string, bool) {
	if v.cleaned.gen != v.gen || v.gen == 0 { // 0: a view for a single use
		p, ok := v.clean()
		v.cleaned = cleaned{v.gen, p, ok}
	}
	return v.cleaned.path, v.cleaned.ok
}

// A cleaned is a cleaned path, computed once for each event.
type cleaned struct {
	gen  uint32 // the generation of the view it belongs to: see view.gen
	path string
	ok   bool
}

func (v *view) clean() (string, bool) {
	p, ok := v.unescapedPath()
	if !ok {
		return "", false
	}
	return path.Clean(p), true
}

// unescapedPath returns cleanPath's path before dots and slashes are resolved.
func (v *view) unescapedPath() (string, bool) {
	target, _, _ := strings.Cut(v.target, "?")
	if _, rest, absolute := strings.Cut(target, "://"); absolute && !strings.HasPrefix(target, "/") {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return "/", true
		}
		target = rest[slash:]
	}
	if !strings.HasPrefix(target, "/") {
		return "", false
	}
	if strings.IndexByte(target, '%') >= 0 {
		target = string(appendUnescaped(nil, target))
	}
	return target, true
}

// script returns the beginning of the clean path, up to the name of a PHP script. The rest,
// such as /x.css in /wp-login.php/x.css, is an argument of the script.
func (v *view) script() (string, bool) {
	const ext = ".php"
	p, _ := v.cleanPath()
	for from := 0; ; {
		i := strings.Index(p[from:], ext)
		if i < 0 {
			return "", false
		}
		from += i + len(ext)
		if from == len(p) || p[from] == '/' {
			return p[:from], true
		}
	}
}

// appendUnescaped appends s to dst with percent escapes decoded. Malformed escapes stay as
// they are.
func appendUnescaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) && hexes[s[i+1]] >= 0 && hexes[s[i+2]] >= 0 {
			c = byte(hexes[s[i+1]])<<4 | byte(hexes[s[i+2]])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// hexes maps hexadecimal digits to their values, and all other bytes to -1.
var hexes = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range "0123456789abcdef" {
		t[c] = int8(i)
		t[strings.ToUpper(string(c))[0]] = int8(i)
	}
	return t
}()
