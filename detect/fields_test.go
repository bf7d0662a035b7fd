package detect

import (
	"net/http"
	"net/netip"
	"path"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// fieldsOf returns what expressions see of an event, as "Meta.key".
func fieldsOf(e *event.Event) map[string]string {
	p := compile(&Rules{lists: newLists()}, nil)
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	all := make(map[string]string)
	for key, text := range v.environment().Meta {
		all["Meta."+key] = text
	}
	for key, text := range v.environment().Parsed {
		all["Parsed."+key] = text
	}
	return all
}

const absent = "\x00absent"

func TestFieldsOfATarget(t *testing.T) {
	keys := []string{
		"Meta.http_path", "Parsed.request", "Parsed.http_args", "Meta.http_args_len",
		"Parsed.file_dir", "Parsed.file_frag", "Parsed.file_ext", "Parsed.file_name", "Parsed.static_ressource",
	}
	for target, want := range map[string][]string{
		"/":                   {"/", "/", absent, "0", "/", "", "", absent, "false"},
		"/a/b.tar.gz?x=1":     {"/a/b.tar.gz?x=1", "/a/b.tar.gz", "x=1", "3", "/a/", "b.tar", ".gz", "b.tar.gz", "true"},
		"/a?b=c?d":            {"/a?b=c?d", "/a?b=c", "d", "1", "/", "a?b=c", "", "a?b=c", "false"}, // the last question mark counts
		"/%2e%2E/etc%2fpw":    {"/%2e%2E/etc%2fpw", "/%2e%2E/etc%2fpw", absent, "0", "/%2e%2E/", "etc%2fpw", "", "etc%2fpw", "false"},
		"/.env":               {"/.env", "/.env", absent, "0", "/", ".env", "", ".env", "false"},
		"/.env.JPG?":          {"/.env.JPG?", "/.env.JPG", "", "0", "/", ".env", ".JPG", ".env.JPG", "true"},
		"/a.":                 {"/a.", "/a.", absent, "0", "/", "a", ".", "a.", "false"},
		"//x/?q=é/z.css":      {"//x/?q=é/z.css", "//x/", "q=é/z.css", "9", "//x/", "", "", absent, "false"},
		"http://a.example/b":  {"http://a.example/b", "http://a.example/b", absent, "0", "http://a.example/", "b", "", "b", "false"},
		"example.org:443":     {"example.org:443", "example.org:443", absent, absent, absent, absent, absent, absent, "false"},
		"?x=/y":               {"?x=/y", "", "x=/y", absent, absent, absent, absent, absent, "false"},
		"":                    {absent, absent, absent, absent, absent, absent, absent, absent, "false"},
		"/p.mjs;v=1/x.brotli": {"/p.mjs;v=1/x.brotli", "/p.mjs;v=1/x.brotli", absent, "0", "/p.mjs;v=1/", "x", ".brotli", "x.brotli", "true"},
	} {
		fields := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: target})
		for i, key := range keys {
			got, ok := fields[key]
			if !ok {
				got = absent
			}
			if got != want[i] {
				t.Errorf("%q: %s is %q, want %q", target, key, got, want[i])
			}
		}
	}
}

func TestFieldsOfTheRest(t *testing.T) {
	made := func(change func(*event.Event)) *event.Event {
		e := &event.Event{
			Client: netip.MustParseAddr("2001:DB8::1"), Method: "GET", Target: "/", Proto: "HTTP/2.0", Host: "www.example.org:8443",
			UserAgent: "Mozilla", Header: http.Header{},
		}
		change(e)
		return e
	}
	for _, row := range []struct {
		name, key, want string
		change          func(*event.Event)
	}{
		{"the address is written as usual", "Meta.source_ip", "2001:db8::1", func(*event.Event) {}},
		{"the service is http", "Meta.service", "http", func(*event.Event) {}},
		{"the log is that of accesses", "Meta.log_type", "http_access-log", func(*event.Event) {}},
		{"no status is 200", "Meta.http_status", "200", func(*event.Event) {}},
		{"the status is a text", "Parsed.status", "404", func(e *event.Event) { e.Status = 404 }},
		{"so is one that no server should send", "Parsed.status", "1234", func(e *event.Event) { e.Status = 1234 }},
		{"the method", "Meta.http_verb", "GET", func(*event.Event) {}},
		{"the method again", "Parsed.verb", "BREW", func(e *event.Event) { e.Method = "BREW" }},
		{"the version without the name of the protocol", "Parsed.http_version", "2.0", func(*event.Event) {}},
		{"the host without the port", "Parsed.target_fqdn", "www.example.org", func(*event.Event) {}},
		{"an address of IPv6 for host", "Meta.target_fqdn", "[::1]", func(e *event.Event) { e.Host = "[::1]" }},
		{"with a port", "Meta.target_fqdn", "[::1]", func(e *event.Event) { e.Host = "[::1]:80" }},
		{"no host", "Meta.target_fqdn", absent, func(e *event.Event) { e.Host = "" }},
		{"the user agent", "Parsed.http_user_agent", "Mozilla", func(*event.Event) {}},
		{"the user agent again", "Meta.http_user_agent", "Mozilla", func(*event.Event) {}},
		{"the referrer", "Parsed.http_referer", "https://a/", func(e *event.Event) { e.Referer = "https://a/" }},
		{"a request that failed had no impact", "Parsed.impact_completion", "false", func(e *event.Event) { e.Status = 502 }},
		{"one that did not had", "Parsed.impact_completion", "true", func(e *event.Event) { e.Status = 500 }},
		{"a line that is no request", "Parsed.rawrequest", "x y", func(e *event.Event) { e.Line = "x y" }},
		{"a password was asked for", "Meta.sub_type", "auth_fail", func(e *event.Event) { e.Status = 401; e.Header.Set("WWW-Authenticate", `Basic realm="x"`) }},
		{"a token was", "Meta.sub_type", absent, func(e *event.Event) { e.Status = 401; e.Header.Set("WWW-Authenticate", `Bearer`) }},
		{"nothing was", "Meta.sub_type", absent, func(e *event.Event) { e.Status = 401 }},
		{"a password was, by mistake", "Meta.sub_type", absent, func(e *event.Event) { e.Header.Set("WWW-Authenticate", `Basic`) }},
		{"what the server knows", "Meta.matched", "|login|", func(e *event.Event) { e.Matched = "|login|" }},
		{"no more of a text than 16 KiB", "Meta.http_path", strings.Repeat("a", 16<<10), func(e *event.Event) { e.Target = strings.Repeat("a", 20<<10) }},
	} {
		got, ok := fieldsOf(made(row.change))[row.key]
		if !ok {
			got = absent
		}
		if got != row.want {
			t.Errorf("%s: %s is %q, want %q", row.name, row.key, got, row.want)
		}
	}
}

// As the hub's tests of malformed requests have it, for the logs of nginx and of
// Apache.
func TestFieldsOfALineThatIsNoRequest(t *testing.T) {
	keys := []string{
		"Meta.http_path", "Parsed.rawrequest", "Parsed.request", "Parsed.http_args", "Meta.http_args_len",
		"Parsed.file_dir", "Parsed.file_name", "Parsed.verb", "Meta.http_verb", "Parsed.http_version", "Parsed.static_ressource",
	}
	for line, want := range map[string][]string{
		"\x16\x03\x01":        {"\x16\x03\x01", "\x16\x03\x01", "\x16\x03\x01", absent, absent, absent, absent, absent, absent, absent, "false"},
		"HELP":                {"HELP", "HELP", "HELP", absent, absent, absent, absent, absent, absent, absent, "false"},
		"GET /a b?cmd=ls -al": {"GET /a b?cmd=ls -al", "GET /a b?cmd=ls -al", "GET /a b", "cmd=ls -al", "10", "GET /", "a b", absent, absent, absent, "false"},
	} {
		fields := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), Line: line, Status: 400})
		for i, key := range keys {
			got, ok := fields[key]
			if !ok {
				got = absent
			}
			if got != want[i] {
				t.Errorf("%q: %s is %q, want %q", line, key, got, want[i])
			}
		}
	}
}

// Eleven different lines that are no requests are a probe, eleven times the same
// one is not.
func TestMalformedLinesAreCountedByWhatTheySay(t *testing.T) {
	const probing = "type: leaky\nname: probe\ncapacity: 10\nleakspeed: 10s\ndistinct: evt.Meta.http_path\ngroupby: evt.Meta.source_ip\n" +
		"filter: evt.Meta.http_status == '400' && evt.Parsed.static_ressource == 'false'\n"
	for _, row := range []struct {
		name string
		line func(i int) string
		want string
	}{
		{"different ones", func(i int) string { return "\x16\x03\x01" + string(rune('a'+i)) }, ". . . . . . . . . . probe*11"},
		{"the same", func(int) string { return "\x16\x03\x01" }, ". . . . . . . . . . ."},
	} {
		var events []*event.Event
		for i := range 11 {
			events = append(events, &event.Event{Time: began, Client: netip.MustParseAddr("192.0.2.1"), Line: row.line(i), Status: 400})
		}
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, probing).sees(row.want, events...) })
	}
}

func TestCleanPath(t *testing.T) {
	const login = "/wp-login.php"
	for target, want := range map[string][2]string{
		"/wp-login.php?a=b":                {login, login},
		"//wp-login.php":                   {login, login},
		"/./wp-login.php":                  {login, login},
		"/wp-admin/../wp-login.php":        {login, login},
		"/%77p-login.php":                  {login, login},
		"/wp-login%2ephp":                  {login, login},
		"/wp-login.php/":                   {login, login},
		"/wp-login.php/x.css":              {"/wp-login.php/x.css", login},
		"/a/..%2f..%2Fwp-login.php":        {login, login},
		"https://example.org/wp-login.php": {login, login},
		"/index.php/wp-login.php":          {"/index.php/wp-login.php", "/index.php"},
		"/WP-LOGIN.PHP":                    {"/WP-LOGIN.PHP", ""},
		"/wp-login.phpx":                   {"/wp-login.phpx", ""},
		"/wp-login.php;a=b":                {"/wp-login.php;a=b", ""},
		"/wp-login.phpx/a.php":             {"/wp-login.phpx/a.php", "/wp-login.phpx/a.php"},
		"/wp-login.php%20":                 {"/wp-login.php ", ""},
		"/wp-login.php%00":                 {"/wp-login.php\x00", ""},
		"/%252e":                           {"/%2e", ""}, // once only
		"/%zz%4":                           {"/%zz%4", ""},
		"https://example.org":              {"/", ""},
		"/?u=https://a/b.php":              {"/", ""},
		"/x://b.php":                       {"/x:/b.php", "/x:/b.php"},
		"*":                                {"", ""},
		"example.org:443":                  {"", ""},
		"":                                 {"", ""},
	} {
		fields := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: target})
		if got := [2]string{fields["Parsed.clean_path"], fields["Parsed.script"]}; got != want {
			t.Errorf("%q: path and script are %q, want %q", target, got, want)
		}
	}
}

func TestACleanPathIsFoundInAnyDisguise(t *testing.T) {
	s := newSite(t, Config{}, "type: trigger\nname: t\nfilter: Lower(evt.Parsed.clean_path) contains '/setup/tools/run.php'\n")
	for _, target := range []string{
		"/setup/tools/run.php", "/setup//tools/run.php", "/setup/./tools/run.php", "/setup/x/../tools/run.php?a", "/%53etup%2ftools/r%75n.php/",
		"/SETUP/tools/RUN.php", "https://example.org/setup/tools/run.php",
	} {
		s.sees("t*1", get(0, target))
	}
	s.sees(". .", get(0, "/setup/tools/../run.php"), get(0, "/setuptools/run.php"))
}

func TestStaticExtensions(t *testing.T) {
	for ext := range strings.FieldsSeq("jpg css js jpeg png svg map ico otf gif mp3 mp4 woff woff2 ttf eot webp wav gz brotli bvr ts bmp avif mjs") {
		for _, target := range []string{"/a." + ext, "/a." + strings.ToUpper(ext) + "?x"} {
			if got := fieldsOf(get(0, target))["Parsed.static_ressource"]; got != "true" {
				t.Errorf("%s is static: %s", target, got)
			}
		}
	}
	for _, target := range []string{"/a.php", "/a.jsx", "/a.js/", "/.js", "/a?b.js", "/a.br", "/js"} {
		if got := fieldsOf(get(0, target))["Parsed.static_ressource"]; got != "false" {
			t.Errorf("%s is static: %s", target, got)
		}
	}
}

func FuzzFields(f *testing.F) {
	for _, target := range []string{"/", "/a/b.c?d=e?f", "?/", "//%2e%2e/x.php/y.css", "http://a?b", "/\xff%zz\u212a.JS"} {
		f.Add(target, "example.org:80", "Mozilla", "HTTP/1.1", 404)
	}
	p := compile(testRules(f), testIDs())
	f.Fuzz(func(t *testing.T, target, host, agent, proto string, status int) {
		e := &event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: target, Host: host, UserAgent: agent, Proto: proto, Status: status}
		x := fieldsOf(e)
		whole := x["Parsed.request"]
		if args, ok := x["Parsed.http_args"]; ok {
			whole += "?" + args
			if strings.Contains(args, "?") {
				t.Errorf("a question mark in %q", args)
			}
		}
		if whole != x["Meta.http_path"] || len(whole) > 16_384 {
			t.Errorf("%q comes apart into %q", target, whole)
		}
		if dir, ok := x["Parsed.file_dir"]; ok && dir+x["Parsed.file_frag"]+x["Parsed.file_ext"] != x["Parsed.request"] {
			t.Errorf("%q comes apart into %q, %q, %q", x["Parsed.request"], dir, x["Parsed.file_frag"], x["Parsed.file_ext"])
		}
		if name := x["Parsed.file_name"]; name != x["Parsed.file_frag"]+x["Parsed.file_ext"] || strings.Contains(name, "/") {
			t.Errorf("the name is %q", name)
		}
		if clean := x["Parsed.clean_path"]; clean != "" && (clean[0] != '/' || clean != path.Clean(clean)) {
			t.Errorf("%q is not clean", clean)
		}
		if script := x["Parsed.script"]; !strings.HasPrefix(x["Parsed.clean_path"], script) {
			t.Errorf("%q is not in %q", script, x["Parsed.clean_path"])
		}
		v := p.open(e, event.ClientOf(e.Client))
		p.matched(v)
		v.close()
	})
}
