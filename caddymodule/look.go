package caddymodule

import (
	"cmp"
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/middleware"
)

// Look is the look of the pages for stopped clients. Placeholders are replaced when the
// config is loaded.
type Look struct {
	// The contact for clients that were stopped by mistake: a URL, in which {ref}
	// stands for the reference, or a mail address. Default: none.
	Contact string `json:"contact,omitempty"`

	// The accent colour, such as b3261e or #b3261e. In a Caddyfile a # begins a comment
	// unless it is quoted. Default: red for a ban, blue for a challenge.
	Accent string `json:"accent,omitempty" option:"-"`

	// Origins whose pages may show these pages in frames, separated by spaces, such as
	// https://example.com, https://*.example.com and 'self'. Default: none.
	FrameAncestors string `json:"frame_ancestors,omitempty" option:"joined"`
}

// checkedLook checks the options of h and returns the look of its pages. Unset fields
// are those of the app.
func (h *Handler) checkedLook(app Look, repl *caddy.Replacer) (Look, error) {
	if err := option.Check(h); err != nil {
		return Look{}, err
	}
	look := h.Look
	err := look.resolve(repl)
	return look.or(app), err
}

// colour parses a colour. In a Caddyfile, one with a # needs quotes.
func colour(to *string) option.Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if !d.NextArg() {
			return d.Errf("%s: no colour: a # begins a comment, so write accent 336699 or accent \"#336699\"", name)
		}
		d.Prev()
		return option.Exact(d, name, to)
	}
}

// or returns l with its unset fields from other.
func (l Look) or(other Look) Look {
	return Look{
		cmp.Or(l.Contact, other.Contact), cmp.Or(l.Accent, other.Accent), cmp.Or(l.FrameAncestors, other.FrameAncestors),
	}
}

// resolve replaces the placeholders in l, and checks it. The placeholder {ref} is not
// one of Caddy's, and stays.
func (l *Look) resolve(repl *caddy.Replacer) error {
	repl.Set("ref", "{ref}")
	defer repl.Delete("ref")
	if err := option.Replace(repl, l); err != nil {
		return err
	}
	if l.Accent != "" && !strings.HasPrefix(l.Accent, "#") {
		l.Accent = "#" + l.Accent
	}
	if *l == (Look{}) {
		return nil
	}
	_, err := middleware.NewPage(l.pageConfig())
	return errors.Unwrap(err) // without "making page"
}

// pageConfig returns the config of a page that looks like this.
func (l *Look) pageConfig() middleware.PageConfig {
	return middleware.PageConfig{Contact: l.Contact, Accent: l.Accent, FrameAncestors: strings.Fields(l.FrameAncestors)}
}
