package community

import (
	"maps"
	"strings"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Label is the behaviour that a scenario detects, and its certainty.
type Label struct {
	Behaviour  consensus.Behaviour // such as "http:bruteforce"; empty: unknown
	Confidence uint8               // 0 to 3
	Spoofable  uint8               // 0 to 3
}

// A Catalogue says what scenarios detect. It is immutable: each change makes a new one.
type Catalogue struct {
	entries    map[string]entry
	behaviours map[consensus.Behaviour]bool
}

// An entry is a scenario with a known name.
type entry struct {
	label  Label
	hashes map[string]bool // SHA-256 of all its versions in hexadecimal
}

// BuiltinCatalogue knows the families of scenarios by the kinds of their names.
func BuiltinCatalogue() *Catalogue {
	c := &Catalogue{entries: map[string]entry{}, behaviours: map[consensus.Behaviour]bool{}}
	for _, f := range families {
		for _, p := range append([]protocol{{"", "generic"}}, protocols...) {
			c.behaviours[consensus.Behaviour(p.name+":"+f.class)] = true
		}
	}
	return c
}

// Add returns a catalogue that also has a scenario, and the hash of one of its versions.
func (c *Catalogue) Add(name, hash string, label Label) *Catalogue {
	d := c.clone()
	d.add(name, hash, label)
	return d
}

func (c *Catalogue) clone() *Catalogue {
	return &Catalogue{entries: maps.Clone(c.entries), behaviours: maps.Clone(c.behaviours)}
}

func (c *Catalogue) add(name, hash string, label Label) {
	e := entry{label: label, hashes: maps.Clone(c.entries[name].hashes)}
	if hash != "" {
		if e.hashes == nil {
			e.hashes = map[string]bool{}
		}
		e.hashes[strings.ToLower(hash)] = true
	}
	c.entries[name] = e
	if label.Behaviour != "" {
		c.behaviours[label.Behaviour] = true
	}
}

// knows reports whether a text may name a behaviour.
func (c *Catalogue) knows(b consensus.Behaviour) bool { return c.behaviours[b] }

// authors are trusted: the name of their scenario counts even while the catalogue has no
// versions of it to compare with.
var authors = []string{"crowdsecurity/", "tocsin/"}

// find returns what a scenario detects, and its origin according to its name and hash.
func (c *Catalogue) find(name, hash string) (Label, consensus.Provenance) {
	e, known := c.entries[name]
	switch {
	case !known:
		label := familyOf(name)
		for _, author := range authors {
			if label.Behaviour != "" && strings.HasPrefix(name, author) {
				return label, consensus.Certified
			}
		}
		label.Confidence = min(label.Confidence, 1)
		return label, consensus.Custom
	case len(e.hashes) == 0, e.hashes[hash]:
		return e.label, consensus.Certified
	default:
		// A version that the catalogue does not have. It may be newer, or the member's own.
		return e.label, consensus.Custom
	}
}

// A family are scenarios whose names have a word in common.
type family struct {
	words      []string
	class      string
	confidence uint8
	spoofable  uint8
}

// families are looked through in this order. Words stand between dashes, underscores, dots and
// slashes.
var families = []family{
	{[]string{"bf", "bruteforce", "spray", "guessing", "credentials", "stuffing", "login"}, "bruteforce", 2, 0},
	{[]string{"cve", "vpatch", "exploit", "rce", "sqli", "xss", "traversal", "backdoor", "backdoors", "webshell", "log4j", "log4j2", "shellshock", "jira", "waf", "appsec", "attacks", "bans", "lfi", "ssti", "injection"}, "exploit", 2, 0},
	{[]string{"spam", "spammer"}, "spam", 1, 0},
	{[]string{"dos", "ddos", "flood", "smuggling"}, "dos", 1, 1},
	{[]string{"fraud", "impossible", "travel"}, "fraud", 1, 0},
	{[]string{"probing", "scan", "scanner", "enum", "enumeration", "sensitive", "files", "fuzzing", "portscan", "nmap", "user", "agent", "agents", "methods", "proxy", "paths"}, "scan", 1, 0},
	{[]string{"crawl", "crawler", "scraping", "non"}, "crawl", 1, 0},
}

// A protocol is one that names of scenarios begin with.
type protocol struct{ word, name string }

var protocols = []protocol{
	{"ssh", "ssh"},
	{"http", "http"},
	{"nginx", "http"},
	{"apache", "http"},
	{"apache2", "http"},
	{"caddy", "http"},
	{"wordpress", "http"},
	{"vpatch", "http"},
	{"appsec", "http"},
	{"waf", "http"},
	{"joomla", "http"},
	{"nextcloud", "http"},
	{"ftp", "ftp"},
	{"vsftpd", "ftp"},
	{"proftpd", "ftp"},
	{"smtp", "smtp"},
	{"postfix", "smtp"},
	{"exim", "smtp"},
	{"dovecot", "imap"},
	{"imap", "imap"},
	{"pop3", "pop3"},
	{"mysql", "database"},
	{"mariadb", "database"},
	{"pgsql", "database"},
	{"postgres", "database"},
	{"mssql", "database"},
	{"redis", "database"},
	{"smb", "smb"},
	{"samba", "smb"},
	{"rdp", "rdp"},
	{"windows", "windows"},
	{"telnet", "telnet"},
	{"ldap", "ldap"},
	{"dns", "dns"},
	{"sip", "sip"},
	{"asterisk", "sip"},
	{"iptables", "tcp"},
	{"tcp", "tcp"},
	{"portscan", "tcp"},
}

// familyOf returns what the name of a scenario says.
func familyOf(name string) Label {
	_, rest, _ := strings.Cut(name, "/")
	words := strings.FieldsFunc(strings.ToLower(rest), func(r rune) bool { return strings.ContainsRune("-_./", r) })
	in := make(map[string]bool, len(words))
	for _, w := range words {
		in[w] = true
	}
	service := "generic"
	for _, p := range protocols {
		if in[p.word] {
			service = p.name
			break
		}
	}
	for _, f := range families {
		for _, w := range f.words {
			if in[w] {
				if w == "cve" || w == "vpatch" {
					service = "http"
				}
				return Label{consensus.Behaviour(service + ":" + f.class), f.confidence, f.spoofable}
			}
		}
	}
	return Label{}
}
