package builtin

import "bytes"

// keyNames are names of values that nobody writes sentences in, so that what looks like prose
// there is padding behind an attack. keyEndings are how other such names end.
var (
	keyNames = []string{
		"id", "uid", "user", "username", "user_name", "user_login", "login", "log", "email", "e-mail", "token", "session", "sid", "sort", "sortby", "sort_by", "order", "orderby", "order_by", "page", "per_page",
		"limit", "offset", "lang", "locale", "ip", "host", "hostname", "port", "phone", "zip", "date", "year", "month", "day", "sku", "cat", "category", "type", "action", "file", "filename", "url", "callback",
	}
	keyEndings = []string{"_id", "-id", "userid", "username"}
)

// pathEndings are how other such names end.
var pathEndings = []string{"filename", "file_name", "filepath", "file_path", "path", "folder", "location"}

func hasAnySuffix(name []byte, endings []string) bool {
	for _, e := range endings {
		if len(name) > len(e) && bytes.EqualFold(name[len(name)-len(e):], []byte(e)) {
			return true
		}
	}
	return false
}
