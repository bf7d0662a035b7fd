package builtin

import (
	"bytes"
	"strings"

	"github.com/tocsin-project/tocsin/waf"
)

// A context is what a value is for, as far as one can tell, and whether it is prose: what
// people write, about attacks perhaps. Signs in prose are only told of.
type context struct {
	part                          waf.Part
	name                          []byte
	isName                        bool // it is the name itself that is looked at
	isEncoded                     bool // it is what base64 stands for, which the site may never decode
	isProse, isStatement, isQuery bool
	isKey                         bool // something that has no words in it, such as a number or a name for a login
	isSecret                      bool // a password, which may hold anything but an equals sign
	isSearched                    bool // people have searched for it on the page before
	compares                      bool
	breaks                        bool // it has what ends a string or a number in SQL
	places                        place
	marks                         marks
	lead                          int // bytes of the first words, in which most attacks begin
}

// dull are headers that hardly any application puts anywhere, in the spelling of net/http.
// They are looked at if there is a mark of a template in them.
var dull = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Length": true, "Cache-Control": true, "Pragma": true, "Dnt": true, "Te": true,
	"Upgrade": true, "Upgrade-Insecure-Requests": true, "Priority": true, "If-Modified-Since": true, "Sec-Fetch-Dest": true, "Sec-Fetch-Mode": true,
	"Sec-Fetch-Site": true, "Sec-Fetch-User": true, "Sec-Ch-Ua": true, "Sec-Ch-Ua-Mobile": true, "Sec-Ch-Ua-Platform": true, "Sec-Gpc": true, "Save-Data": true, "Accept-Language": true,
}

func isDull(name, value []byte) bool {
	return dull[string(name)] && !bytes.ContainsAny(value, "${<")
}

// mayAttack reports whether a value has anything that signs need: a special byte, a number
// and words, which suffices for SQL, or how an object or the name of a class begins.
func (c *context) mayAttack(whole, value []byte) bool {
	all := kindsOf(whole)
	switch {
	case c.isName, c.part == waf.PartFile, c.part == waf.PartArg && isOneOf(c.name, commandNames):
		return true
	case all&isSpecial != 0:
		switch c.part {
		case waf.PartPath:
			return isSuspectPath(value)
		case waf.PartHeader:
			return !isOrdinaryHeader(c.name, value)
		}
		return true
	case isDigit(value[0]) || value[0] == '-' || value[0] == '.':
		return bytes.IndexByte(value, ' ') > 0
	}
	return len(value) > 9 && (begins[value[0]] && hasAnyPrefix(value, beginnings...) || value[0]|0x20 == 'u' && bytes.EqualFold(value[:6], []byte("union ")))
}

// beginnings are those of objects in base64, and of names of classes.
var beginnings = []string{
	"rO0A", "AAEA", "gASV", "gAN", "gAS", "Y29z", "KGRw", "Tzo", "YTo",
	"com.sun.", "org.apache.", "org.springframework.", "ch.qos.", "com.mchange.", "com.zaxxer.", "org.hibernate.", "java.", "javax.", "System.", "Microsoft.", "Lcom.", "Lorg.", "system.", "call_user_func", "shell_exec", "create_function", "file_put_contents", "wp_insert_user", "wp_update_user", "wp_set_password",
}

var begins = func() (table [256]bool) {
	for _, b := range beginnings {
		table[b[0]] = true
	}
	return table
}()

// isOrdinaryHeader reports whether a header is as those of browsers are.
func isOrdinaryHeader(name, value []byte) bool {
	switch string(name) {
	case "User-Agent":
		return hasAnyPrefix(value, "Mozilla/5.0 (") && isMadeOf(value, "./;:,()_+- ")
	case "Referer", "Origin":
		return hasAnyPrefix(value, "https://", "http://") && isMadeOf(value, "./:_+-=?&~") && !bytes.Contains(value, []byte(".."))
	case "Host":
		return isMadeOf(value, ".:-_[]")
	case "Content-Type":
		return isMadeOf(value, "/;=.-+_ ")
	}
	return false
}

// isMadeOf reports whether there are only letters, digits and some others.
func isMadeOf(s []byte, others string) bool {
	for _, c := range s {
		if !isLetter(c) && !isDigit(c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// reachesFor reports whether a name has what leads to the class or the prototype of
// objects.
func reachesFor(name []byte) bool {
	for i := 0; i+7 < len(name); i++ {
		switch name[i] | 0x20 {
		case '_' | 0x20:
			if name[i] == '_' && name[i+1] == '_' {
				return true
			}
		case 'c':
			if next := name[i+1] | 0x20; next == 'o' && name[i+2]|0x20 == 'n' && name[i+3]|0x20 == 's' || next == 'l' && name[i+4]|0x20 == 's' {
				return true
			}
		}
	}
	return false
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
	c.readMarks(t)
	c.readProse(t)
}

// readMarks finds out which signs may count.
func (c *context) readMarks(t *text) {
	c.places = c.placesOf()
	c.marks = marksIn(t.room)
	c.lead = leadOf(t.spaced)
	c.breaks = c.part == waf.PartPath || endsValue(t.decoded)
}

// readProse finds out what signs are worth. That takes longest, and most values have none.
func (c *context) readProse(t *text) {
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
	c.isProse = !c.isKey && isProse(t) || c.isQuery && isPhrase(t.decoded)
	c.compares = bytes.IndexByte(t.decoded, '=') >= 0
	c.isStatement = hasAnyPrefix(t.spaced, "select ", "insert ", "update ", "delete ", "create ", "alter ", "with ", "explain ", "show ", "begin", "set ", "grant ", "drop ")
}

// leadOf returns how long the first four words are.
func leadOf(s []byte) int {
	words := 0
	for i, c := range s {
		if c == ' ' {
			if words++; words == 4 {
				return i
			}
		}
	}
	return len(s)
}

// endsValue reports whether there is something that ends a string or a number before SQL.
func endsValue(s []byte) bool {
	return len(s) > 0 && (isDigit(s[0]) || bytes.IndexByte([]byte("-+.@"), s[0]) >= 0) || bytes.ContainsAny(s, "'\"`();*#@") || hasAnyPrefix(s, "union", "or ", "and ", "having", "order by", "group by")
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
		p = inFile | inBody
	case waf.PartRawBody:
		p = inRaw
	}
	if c.isName {
		return p | inName
	}
	if c.part == waf.PartArg || c.part == waf.PartBodyArg {
		last := lastName(c.name)
		if isOneOf(last, pathNames) || hasAnySuffix(last, pathEndings) {
			p |= asPath
		}
		if isOneOf(last, commandNames) {
			p |= asCommand
		}
		c.isQuery = isOneOf(last, searchNames)
		c.isSecret = isOneOf(last, secretNames)
		c.isKey = isOneOf(last, keyNames) || hasAnySuffix(last, keyEndings)
	}
	return p
}

// counts reports whether a sign counts here.
func (c *context) counts(s *compiled) bool {
	const parts = inTarget | inHeader | inBody | inRaw | inFile | inName
	switch {
	case s.where&c.places&parts == 0:
		return false
	case !c.marks.haveAll(s.needs), s.class == sqlInjection && !c.breaks:
		return false
	case s.where&asPath != 0 && c.places&asPath == 0, s.where&asCommand != 0 && c.places&asCommand == 0:
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
	case c.isSearched && of != jndiLookup:
		return min(points, told)
	case c.isProse && (c.part == waf.PartBodyArg || c.part == waf.PartRawBody || c.isQuery || c.part == waf.PartHeader):
		return min(points, told)
	case c.isProse, c.isQuery && c.part == waf.PartArg:
		return min(points, certainPoints-1) // some sites are about attacks
	case c.isSecret && !c.compares && of != jndiLookup:
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

// commandNames are names of values that a shell on a page runs.
var commandNames = []string{"cmd", "exec", "command", "execute", "shell", "system", "daemon", "cmdline", "func", "rce"}

// searchNames are names of values that people type.
var searchNames = []string{
	"q", "s", "search", "query", "term", "terms", "keyword", "keywords", "k", "wd", "text", "find", "searchterm", "search_query", "search_term", "qs", "message", "comment", "body",
	"description", "title", "subject", "note", "notes", "content", "excerpt", "summary", "msg", "prompt", "question", "answer", "feedback", "bio",
}

// secretNames are names of values that may hold anything.
var secretNames = []string{"password", "pass", "passwd", "pwd", "passphrase", "secret", "pass1", "pass2", "password1", "password2", "password_confirmation", "new_password", "old_password", "current_password", "user_pass", "log_pass"}

// lastName returns the last part of a name such as user[file] or json.user.file.
func lastName(name []byte) []byte {
	end := len(name)
	for end > 0 && (isDigit(name[end-1]) || name[end-1] == '.' || name[end-1] == '[' || name[end-1] == ']') {
		end--
	}
	start := end
	for start > 0 && name[start-1] != '.' && name[start-1] != '[' && name[start-1] != ':' {
		start--
	}
	return name[start:end]
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
