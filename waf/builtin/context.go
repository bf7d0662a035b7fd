package builtin

import (
	"bytes"

	"github.com/tocsin-project/tocsin/waf"
)

// A context is what a value is for, as far as one can tell, and whether it is prose: what
// people write, about attacks perhaps. Signs in prose are only told of.
type context struct {
	part                          waf.Part
	name                          []byte
	isName                        bool // it is the name itself that is looked at
	isProse, isStatement, isQuery bool
	isSecret                      bool // a password, which may hold anything but an equals sign
	compares                      bool
	places                        place
}

// dull are headers that no application puts anywhere, in the spelling of net/http.
var dull = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Length": true, "Cache-Control": true, "Pragma": true, "Dnt": true, "Te": true,
	"Upgrade": true, "Upgrade-Insecure-Requests": true, "Priority": true, "If-Modified-Since": true, "Sec-Fetch-Dest": true, "Sec-Fetch-Mode": true,
	"Sec-Fetch-Site": true, "Sec-Fetch-User": true, "Sec-Ch-Ua": true, "Sec-Ch-Ua-Mobile": true, "Sec-Ch-Ua-Platform": true, "Sec-Gpc": true, "Save-Data": true,
}

func isDull(name []byte) bool { return dull[string(name)] }

// mayAttack reports whether a value has anything that signs need: a special byte, or a
// number and words, which suffices for SQL, or the beginning of an object in base64.
func (c *context) mayAttack(value []byte) bool {
	all := kindsOf(value)
	if all&isSpecial != 0 {
		return c.part != waf.PartPath || isSuspectPath(value)
	}
	first := value[0]
	if len(value) > 16 && hasAnyPrefix(value, "rO0A", "AAEA", "gASV", "gAN", "gAS", "Y29z", "KGRw", "Tzo", "YTo") {
		return true
	}
	return (isDigit(first) || first == '-' || first == '.') && bytes.IndexByte(value, ' ') > 0
}

// isSuspectPath reports whether a path has more than names of folders.
func isSuspectPath(path []byte) bool {
	for i, c := range path {
		if kinds[c] != isPlain && c != '/' && c != '+' && c != '@' && c != ':' && c != '~' && c != '!' && c != '*' || c == '.' && i+1 < len(path) && path[i+1] == '.' {
			return true
		}
	}
	return false
}

// read finds out what the value is.
func (c *context) read(t *text) {
	c.places = c.placesOf()
	switch c.part {
	case waf.PartPath, waf.PartCookie, waf.PartFile:
		return
	case waf.PartHeader:
		if string(c.name) != "Referer" {
			return
		}
	}
	if c.isName {
		return
	}
	c.isProse = isProse(t)
	c.compares = bytes.IndexByte(t.decoded, '=') >= 0
	c.isStatement = hasAnyPrefix(t.spaced, "select ", "insert ", "update ", "delete ", "create ", "alter ", "with ", "explain ", "show ", "begin", "set ", "grant ", "drop ")
}

// placesOf returns the places that signs may name.
func (c *context) placesOf() place {
	var p place
	switch c.part {
	case waf.PartPath, waf.PartArg:
		p = inTarget
	case waf.PartCookie, waf.PartHeader:
		p = inHeader
	case waf.PartBodyArg:
		p = inBody
	case waf.PartFile:
		p = inFile
	case waf.PartRawBody:
		p = inRaw
	}
	if c.part == waf.PartArg || c.part == waf.PartBodyArg {
		last := lastName(c.name)
		if isOneOf(last, pathNames) {
			p |= asPath
		}
		c.isQuery = isOneOf(last, searchNames)
		c.isSecret = isOneOf(last, secretNames)
	}
	return p
}

// counts reports whether a sign counts here.
func (c *context) counts(s *compiled) bool {
	const parts = inTarget | inHeader | inBody | inRaw | inFile
	switch {
	case s.where&c.places&parts == 0:
		return false
	case s.where&asPath != 0 && c.places&asPath == 0:
		return false
	case s.where&notSearch != 0 && c.isQuery:
		return false
	}
	return true
}

// weigh returns what signs in a value are worth: less in what people write.
func (c *context) weigh(of class, points int) int {
	const told = likelyPoints - 1
	switch {
	case c.isProse && (c.part == waf.PartBodyArg || c.part == waf.PartRawBody || c.isQuery || c.part == waf.PartHeader):
		return min(points, told)
	case c.isProse:
		return min(points, certainPoints-1)
	case c.isSecret && !c.compares:
		return min(points, told)
	case c.isStatement && of == sqlInjection:
		return min(points, told)
	}
	return points
}

// pathNames are names of values that say where a file is.
var pathNames = []string{
	"file", "filename", "filepath", "path", "page", "template", "tpl", "include", "inc", "dir", "folder", "doc", "document", "lang", "language", "locale", "view", "img", "image",
	"download", "load", "read", "module", "mod", "theme", "log", "src", "source", "style", "pdf", "attachment", "layout", "skin", "root", "basepath", "f", "p", "conf", "config", "url", "uri",
	"href", "link", "dest", "redirect", "site", "feed", "host", "target", "callback", "return", "next", "open", "show", "email", "mail", "from", "to", "resource", "backup", "export", "import", "report", "prefix", "locate",
}

// searchNames are names of values that people type.
var searchNames = []string{
	"q", "s", "search", "query", "term", "terms", "keyword", "keywords", "k", "wd", "text", "find", "searchterm", "search_query", "search_term", "qs", "message", "comment", "body",
	"description", "title", "subject", "note", "notes", "content", "excerpt", "summary", "msg", "prompt", "question", "answer", "feedback", "bio",
}

// secretNames are names of values that may hold anything.
var secretNames = []string{"password", "pass", "passwd", "pwd", "passphrase", "secret", "pass1", "pass2", "password1", "password2", "password_confirmation", "new_password", "old_password", "current_password", "user_pass", "log_pass"}

// lastName returns the last part of a name such as user[file] or json.user.file.
func lastName(name []byte) []byte {
	name = bytes.TrimRight(name, "]0123456789[.")
	if i := bytes.LastIndexAny(name, ".[:"); i >= 0 {
		name = name[i+1:]
	}
	return name
}

func isOneOf(name []byte, names []string) bool {
	for _, n := range names {
		if len(n) == len(name) && bytes.EqualFold(name, []byte(n)) {
			return true
		}
	}
	return false
}

func hasAnyPrefix(s []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if len(s) >= len(p) && string(s[:len(p)]) == p {
			return true
		}
	}
	return false
}
