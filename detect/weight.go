package detect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// suspicionLasts is how long a client is challenged if the scenario does not say so.
const suspicionLasts = 30 * time.Minute

// suspicions are kinds of scenarios, by CrowdSec's label behavior, that count actions which
// honest people and programs also do by mistake.
var suspicions = newStringSet("scan", "crawl", "bruteforce", "dos", "discovery")

// coarse are scenarios of CrowdSec's hub that know only requests and statuses. Programs with
// missing files, offices and people who mistype trigger them. The built-in scenarios detect
// the same, except for the last two, and also know each client's good behaviour and how the
// site answers.
var coarse = newStringSet(
	"crowdsecurity/http-probing", "crowdsecurity/http-crawl-non_statics", "crowdsecurity/http-admin-interface-probing",
	"crowdsecurity/http-bad-user-agent", "crowdsecurity/http-sensitive-files", "crowdsecurity/http-path-traversal-probing",
	"crowdsecurity/http-generic-bf", "LePresidente/http-generic-401-bf", "LePresidente/http-generic-403-bf",
	"crowdsecurity/http-bf-wordpress_bf", "crowdsecurity/http-bf-wordpress_bf_xmlrpc", "crowdsecurity/http-wordpress-scan",
	"crowdsecurity/http-wordpress_user-enum", "crowdsecurity/http-wordpress_wpconfig",
	"crowdsecurity/http-dos-swithcing-ua", //nolint:misspell // its name; eleven browsers, as each office and school has
	"baudneo/zoneminder_cve-2022-39290",   // matches any GET with a parameter named action
)

// weigh turns the action of a scenario that does not name one itself into a challenge,
// unless one request is proof enough. Files of CrowdSec know only one action, which is a
// ban.
func (s *scenario) weigh() {
	if s.action != lookup.None || !s.remediation || s.guard != event.NoGuard {
		return
	}
	kind := cmp.Or(s.labels["behavior"], s.labels["type"]) // files from 2022 have the label type instead
	kind = kind[strings.LastIndexByte(kind, ':')+1:]
	s.mild = s.mild || coarse.has(s.name) || kind == "dos"
	if s.mild || suspicions.has(kind) || kind == "exploit" && !s.trigger {
		s.action, s.duration = lookup.Captcha, cmp.Or(s.duration, suspicionLasts)
	}
}

// withoutCoarse returns the scenarios. If built-in ones are among them, the coarse ones
// raise alerts without an action.
func withoutCoarse(all []*scenario) []*scenario {
	if !slices.ContainsFunc(all, func(s *scenario) bool { return s.builtin }) {
		return all
	}
	all = slices.Clone(all)
	for i, s := range all {
		if coarse.has(s.name) {
			all[i] = Policy{AlertOnly: true}.of(s)
		}
	}
	return all
}
