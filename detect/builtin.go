package detect

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

//go:embed builtin
var builtinFiles embed.FS

// Builtin returns the scenarios that come with this package, named tocsin/…. They have
// the same format as CrowdSec's, and can serve as examples of it. The description of each
// says what it counts.
//
// They use some fields that CrowdSec's parsers do not set. Any scenario may use them:
//
//	Parsed.clean_path     the path as servers understand it: decoded, without dot segments
//	Parsed.path_template  clean_path in lower case, with # for each number and * for each hash
//	Parsed.place          the thing that the client looks for: a script, or the first element of the path
//	Parsed.last_word      the last element of the path, in lower case and without an extension
//	Parsed.asked          the request, as a text: the same if the client reads the same again, or sends the same body again
//	Parsed.climbs         true if the path, as it was sent, leads above the root of the site, else false
//	Parsed.cloning        true if git requests a part of a repository whose info/refs the client has received, else false
//	Meta.exposed          true if the site sent a file that is not a page to a client without accepted credentials, else false
//	Parsed.script         the path up to the end of .php
//	Parsed.form_action    the field action of a posted form, or else of the query
//	Parsed.agent_products the user agent without addresses in it
//	Parsed.xmlrpc_method  the method that a request to xmlrpc.php calls
//	Parsed.xmlrpc_calls   how many calls a call of system.multicall contains
//	Meta.outcome          missing (404, 410, or the answer that this site gives for missing pages), refused (403), or empty
//	Meta.attribution      own, embedded, foreign or unmarked: see Attribution
//	Meta.source_net       the network of the client, a /24 or a /40 of IPv6
//	Meta.login            success, failure, step (the password was right, and the site asks for a code), try (the
//	                      result is unknown), unused (unknown, or a redirect with a session, after several
//	                      logins that the client did not use), found (a code that the client looked up, and
//	                      that the site knows), or empty if there was no login
//	Meta.login_kind       form, basic, digest, proof (that the client knows a password), token, code, xmlrpc, or lookup
//	                      for codes that are not for logging in, such as vouchers and parcel numbers
//	Meta.login_user       a keyed hash of the user name
//	Meta.login_try        a keyed hash of the name and the password together
//	Meta.login_member     true if this client has logged in with this name there before, else false; empty
//	                      without a name
//	Meta.login_sent       a hash of everything that was posted; different each time if the end of the body is unknown
//	Meta.login_place      the place, if it is one for logging in: method, site and path, see PlaceOf; for basic and
//	                      digest see Detector.Area
//	Meta.site             the server's name for the site, or else the host: see Event.Site
//	Meta.login_count      how many passwords the request has, if there are several
//
// They also use labels that have a meaning here:
//
//	action, duration      the requested action: ban, captcha or throttle, and for how long
//	credit: known         a client with accepted credentials may do four times as much
//	credit: found         two existing pages compensate one missing page, up to four times the capacity
//	credit: logins        if a guard counts for a place: each name that logs in there compensates one failure
//	credit: codes         each code that the site knows compensates four unknown ones, if the codes are not for logging in
//	forgiven_by: login    a successful login takes back the earlier failures of its user
//	at_most: captcha      a client that continues after the challenge is challenged again, and not banned
//	guard: place|network  requests a guard instead of a decision: see Guard
//	teaches: missing      no site has the pages that the filter matches: the answer shows how this site answers for missing pages
//	teaches: sought       no page links to it: a guard on requests from other pages applies to it even if it was answered before
//
// They are read once, and all callers share them, because rules do not change.
func Builtin() (*Rules, error) { return builtins() }

var builtins = sync.OnceValues(readBuiltin)

func readBuiltin() (*Rules, error) {
	data, err := fs.Sub(builtinFiles, "builtin")
	if err != nil {
		return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
	}
	entries, err := fs.ReadDir(data, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
	}
	l := &loader{rules: &Rules{lists: newLists()}, seen: make(map[string]string)}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".yaml") {
			continue
		}
		content, err := fs.ReadFile(data, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
		}
		if err := l.read(source{name: path.Join("builtin", entry.Name()), folders: []fs.FS{data}}, content); err != nil {
			return nil, err
		}
	}
	rules := l.finish()
	for _, s := range rules.skipped {
		return nil, fmt.Errorf("reading the built-in scenarios: %v", s)
	}
	for _, s := range rules.scenarios {
		s.builtin = true
	}
	return rules, nil
}
