package centre

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// Settings are what a centre is made from. Placeholders are replaced in all strings.
type Settings struct {
	// Name of the community, for members and pages. Default: community.
	Name string `json:"name,omitempty" option:"joined"`

	// Who answers for the centre: a person or an organization. It is on the public page.
	// Required if policy is public.
	Operator string `json:"operator,omitempty" option:"-"`

	// How to reach the operator: a mail address or the URL of a page.
	Contact string `json:"contact,omitempty" option:"-"`

	// Who may read the list: "members" only, or "public" for everybody. Default: members.
	Policy string `json:"policy,omitempty" option:"members|public"`

	// The origin of the pages, such as https://blocklist.example.org, for links. Default:
	// https:// and the first host of the site.
	Site string `json:"site,omitempty"`

	// Where signals and the list are kept: the path of a SQLite file, or a URL such as
	// postgres://user:password@host/name. Default: tocsin/community.db in Caddy's data folder.
	Database string `json:"database,omitempty"`

	// Where the accounts of members are kept, apart from what they report: a path or a URL, as
	// for database. Default: for a file, the same name with .accounts before its ending; for
	// PostgreSQL, the schema tocsin_accounts of the same database.
	Accounts string `json:"accounts,omitempty"`

	// The file with the secret that hides who reported what. If there is none, the server creates
	// it. With a different secret, the centre does not recognise its members: back the file up, but
	// not beside the database.
	// Default: tocsin/community.secret in Caddy's data folder.
	Secret string `json:"secret,omitempty"`

	// The file that remembers what appeals, erasures and members that left have removed, for 90
	// days. If you restore an older backup of the database, the server removes all of it again.
	// Do not restore this file with the database. Default: the name of secret, with the ending
	// .removals.
	Removals string `json:"removals,omitempty"`

	// Version of the terms that members accept. Default: 1.
	Terms string `json:"terms,omitempty"`

	// The page with the terms. Default: a page of this site.
	TermsURL string `json:"terms_url,omitempty"`

	// The index of CrowdSec's hub, .index.json, which says what scenarios mean and which ones
	// are unchanged. Default: only what the names of scenarios say.
	Catalogue string `json:"catalogue,omitempty"`

	// Lists of addresses that are never listed, by class: crawler, cdn, resolver, authority,
	// payment, monitor, cert or allowlisted. Files and URLs, in the forms of blocklist.
	// Default: none.
	Exclude map[string][]string `json:"exclude,omitempty"`

	// Lists of addresses that many people share: they are challenged at most. Default: none.
	Shared []string `json:"shared,omitempty"`

	// Lists of the exits of Tor, which have a list of their own. Default: none.
	Tor []string `json:"tor,omitempty"`

	// Lists of scanners that say who they are, which have a list of their own. Default: none.
	Scanners []string `json:"scanners,omitempty"`

	// Lists of your own addresses that never connect to other servers. A report of one is
	// false, and costs the member trust.
	// Default: none.
	Canaries []string `json:"canaries,omitempty"`

	// Lists of others. A report of an address that is on one earns a member no trust.
	// Default: none.
	Imported []string `json:"imported,omitempty"`

	// Databases in the MaxMind DB format with the autonomous systems of addresses: members in
	// one system do not list an address alone. Default: the /16 or /32 of an address stands for
	// its system.
	Networks []string `json:"networks,omitempty"`

	// The countries in which programs may join, report and read the list, as two letters. Wants
	// networks with a database of countries. Everybody can still ask whether an address is listed.
	// Default: all countries.
	Countries []string `json:"countries,omitempty"`

	// The members know one another: below 50 members, two of them list an address. Default:
	// false.
	TrustedGroup bool `json:"trusted_group,omitempty"`

	// How many members must agree at least. Default: what the consensus says, 2 to 6.
	Witnesses int `json:"witnesses,omitempty" option:"min=2,max=20"`

	// How long data is kept.
	Retention *Retention `json:"retention,omitempty" option:"-"`
}

// Retention says how long data is kept. Shorter times than the defaults are always allowed.
// Longer ones need a reason, and reports are never kept longer.
type Retention struct {
	// Reports. Default: 14d.
	Reports caddy.Duration `json:"reports,omitempty" option:"min=24h,max=336h"`

	// What was listed, when, and why. Default: 90d.
	Episodes caddy.Duration `json:"episodes,omitempty" option:"min=24h"`

	// Closed appeals and the audit log. Default: 365d.
	Cases caddy.Duration `json:"cases,omitempty" option:"min=24h"`

	// Accounts of members that left. Default: 30d.
	Accounts caddy.Duration `json:"accounts,omitempty" option:"min=24h"`

	// Why one of these is longer than its default.
	Reason string `json:"reason,omitempty" option:"joined"`
}

// resolve replaces placeholders, checks the settings, and fills in the defaults of paths.
func (s *Settings) resolve(repl *caddy.Replacer) error {
	if err := option.Replace(repl, s); err != nil {
		return err
	}
	if err := option.Check(s); err != nil {
		return err
	}
	if err := option.Check(s.Retention); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	if err := s.replaceExclude(repl); err != nil {
		return err
	}
	if s.Policy == "public" && (s.Operator == "" || s.Contact == "") {
		return errors.New("policy public: want an operator with a contact, such as: operator \"Example e.V.\" abuse@example.org")
	}
	if s.Catalogue != "" && !filepath.IsAbs(s.Catalogue) {
		return fmt.Errorf("catalogue %q: want an absolute path, such as /var/lib/crowdsec/hub/.index.json", s.Catalogue)
	}
	folder := filepath.Join(caddy.AppDataDir(), "tocsin")
	s.Database = cmp.Or(s.Database, filepath.Join(folder, "community.db"))
	s.Secret = cmp.Or(s.Secret, filepath.Join(folder, "community.secret"))
	s.Removals = cmp.Or(s.Removals, strings.TrimSuffix(s.Secret, filepath.Ext(s.Secret))+".removals")
	if err := s.checkCountries(); err != nil {
		return err
	}
	return errors.Join(checkDatabase("database", s.Database), checkDatabase("accounts", s.Accounts), s.checkClasses())
}

func (s *Settings) checkCountries() error {
	for _, code := range s.Countries {
		if len(code) != 2 || strings.ToUpper(code) != code || strings.ToLower(code) == code {
			return fmt.Errorf("countries %q: want codes of two letters, such as DE", code)
		}
	}
	if len(s.Countries) > 0 && len(s.Networks) == 0 {
		return errors.New("countries: want networks with a database of countries, such as: networks /var/lib/GeoIP/GeoLite2-Country.mmdb")
	}
	return nil
}

// replaceExclude replaces the placeholders in the lists of classes.
func (s *Settings) replaceExclude(repl *caddy.Replacer) error {
	all := make(map[string][]string, len(s.Exclude)) // the config may still use the old map
	for class, places := range s.Exclude {
		for _, place := range places {
			v, err := repl.ReplaceOrErr(place, true, true)
			if err != nil {
				return fmt.Errorf("exclude %s: %w", class, err)
			}
			all[class] = append(all[class], v)
		}
	}
	s.Exclude = all
	return nil
}

// checkDatabase checks the path or URL of a database. Errors never contain the URL, because it
// can have a password.
func checkDatabase(option, s string) error {
	switch {
	case s == "":
		return nil
	case isPostgres(s):
		if _, err := url.Parse(s); err != nil {
			return fmt.Errorf("%s: not a valid URL: want postgres://user:password@host/name", option)
		}
		return nil
	case strings.Contains(s, "://"):
		return fmt.Errorf("%s: want the path of a file, or a URL with postgres://", option)
	case !filepath.IsAbs(s):
		return fmt.Errorf("%s %q: want an absolute path, such as /var/lib/tocsin/community.db", option, s)
	}
	return nil
}

func isPostgres(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}
