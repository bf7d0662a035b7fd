package detect

import (
	"net/http"
	"slices"
	"strings"
)

// anyCookie reports whether the answer sets, and does not delete, a cookie for which is
// returns true. is gets the value in lower case.
func (v *view) anyCookie(is func(name, value string) bool) bool {
	return slices.ContainsFunc(v.evt.Header["Set-Cookie"], func(line string) bool {
		name, value, ok := v.readCookie(line)
		return ok && is(name, value)
	})
}

// readCookie reads a Set-Cookie line, and reports whether it keeps the cookie. Some
// applications delete a cookie by a special word as its value.
func (v *view) readCookie(line string) (name, value string, stays bool) {
	c, err := http.ParseSetCookie(line)
	if err != nil || c.MaxAge < 0 || !c.Expires.IsZero() && c.MaxAge == 0 && !c.Expires.After(v.now()) {
		return "", "", false
	}
	value = strings.ToLower(strings.TrimSpace(queryUnescape(c.Value)))
	return c.Name, value, value != "" && value != "deleted" && value != "-del-"
}

// beginsCookie reports whether the answer sets a cookie that may start a session. Cookies
// against request forgery, or for the page's language, do not count.
func (v *view) beginsCookie() bool {
	return v.anyCookie(func(name, _ string) bool { return !isPlainCookie(strings.ToLower(name)) })
}

func isPlainCookie(name string) bool {
	for _, word := range []string{"csrf", "xsrf", "lang", "locale", "theme", "flash", "err", "message", "notice"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// loggedIn reports whether the response sets WordPress's cookie for logged-in users. A
// cookie without a value, or with an expiry in the past, is being deleted.
func (v *view) loggedIn() bool {
	return slices.ContainsFunc(v.evt.Header["Set-Cookie"], func(line string) bool {
		if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "wordpress_logged_in_") {
			return false // nearly all answers
		}
		_, _, stays := v.readCookie(line)
		return stays
	})
}

// saysLoggedIn reports whether the response sets a cookie whose name says that the user is
// logged in. Many applications have one for their scripts. The value of any other cookie may
// be something that the client sent, such as its name.
func (v *view) saysLoggedIn() bool {
	return v.anyCookie(func(name, value string) bool {
		name = plainName(name)
		if name == "joomlauserstate" {
			return value == "logged_in"
		}
		return strings.Contains(name, "loggedin") && value != "0" && value != "false" && value != "no"
	})
}

// setsAuthCookie reports whether the response sets a cookie with a name that applications
// use only after a login.
func (v *view) setsAuthCookie() bool {
	return v.anyCookie(func(name, _ string) bool {
		name = strings.ToLower(name)
		for _, other := range []string{"session", "state", "csrf", "xsrf", "redirect", "return", "error", "attempt", "nonce", "request", "fail", "oauth"} {
			if strings.Contains(name, other) {
				return false
			}
		}
		return strings.Contains(name, "auth") || strings.Contains(name, "remember")
	})
}
