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

// Builtin returns the scenarios that come with this package, named tocsin/…, which
// are written in the form of CrowdSec's, and are examples of it. Each says in its
// description what it counts.
//
// They ask some fields that CrowdSec's parsers do not set; any scenario may:
//
//	Parsed.clean_path     the path as servers understand it, decoded and without dots
//	Parsed.path_template  that in lower case, with # for each number and * for each hash
//	Parsed.place          what is looked for: a script, or the first element of the path
//	Parsed.last_word      the last element of the path in lower case, of a folder or of a file without its extension
//	Parsed.asked          what is asked for: the same for who only reads the same once more, or sends the same body to it
//	Parsed.climbs         true if the path as it was sent leads above the root of the site, else false
//	Parsed.cloning        true if git asks so for a part of a repository whose info/refs the client has got, else false
//	Meta.exposed          true if a file that is no page was handed to who has shown nothing that the site accepts, else false
//	Parsed.script         of the path, up to the end of .php
//	Parsed.form_action    "action" of a posted form, or else of the query
//	Parsed.agent_products the user agent without addresses in it
//	Parsed.xmlrpc_method  what a request to xmlrpc.php calls
//	Parsed.xmlrpc_calls   how many calls one to system.multicall bundles
//	Meta.outcome          missing (404, 410, or how the site answers for what it has not), refused (403), or nothing
//	Meta.attribution      own, embedded, foreign or unmarked: see Attribution
//	Meta.source_net       the network of the client, a /24 or a /40 of IPv6
//	Meta.login            success, failure, step (the password was right, and a code is asked for), try (nothing
//	                      tells what came of it), unused (that, or a redirect with a session, after several that
//	                      the client has not used), found (a code that was looked up, and that the site has),
//	                      or nothing if nobody tried
//	Meta.login_kind       form, basic, digest, proof (that a password is known), token, code, xmlrpc, or lookup
//	                      for codes by which nobody logs in, such as vouchers and numbers of parcels
//	Meta.login_user       stands for the user name, without giving it away
//	Meta.login_try        stands for the name and the password together
//	Meta.login_member     true if the site has let the client in by that name there before, else false; nothing
//	                      without a name
//	Meta.login_sent       stands for all that was posted; differs each time where it is not known to its end
//	Meta.login_place      where, if people log in there: method, site and path, see PlaceOf; for basic and digest
//	                      see Detector.Area
//	Meta.site             what the server calls the site, or else the host: see Event.Site
//	Meta.login_count      how many passwords one request brings, if there are several
//
// And they have labels that mean something here:
//
//	action, duration      what is asked for: ban, captcha or throttle, and for how long
//	credit: known         who has shown credentials that the site accepted may do four times as much
//	credit: found         two pages that were there make up for one that was not, up to four times the capacity
//	credit: logins        where a guard counts for a place: each name that logs in there makes up for one that failed
//	credit: codes         each code that the site has makes up for four that it has not, where nobody logs in by them
//	forgiven_by: login    a login that succeeds takes back what its user is counted for
//	at_most: captcha      who goes on after the challenge is challenged, and not banned
//	guard: place|network  asks for a guard, not for a decision: see Guard
//	teaches: missing      no site has what the filter is about: its answer is how the site answers for what it has not
//	teaches: sought       no page leads there: a guard on what other pages send does not leave it alone because it was answered before
//
// They are read once, and all who ask share them: rules do not change.
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
